"""Manifests over the registry API (``/v2``): which blobs a pull of one platform fetches.

A manifest GET counts as a pull in Harbor: it moves ``pull_time`` and fires ``PULL_ARTIFACT`` under
the robot's name (recorded: retag-step7-pulled, webhook-pull-artifact), so callers ask once a digest
and keep the answer.
"""

from __future__ import annotations

import hashlib
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from preheat.artifact import Blob, BlobAnswer, Child, Image
from preheat.errors import InputError, RefusedError, RemoteError
from preheat.harbor.answers import ATTESTATION, Platform, decode
from preheat.harbor.tokens import pull_authorization

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import SecretStr

    from preheat.harbor.api import HarborApi
    from preheat.transport import Answer

__all__ = ["IndexNotImageError", "blob_answer", "children", "resolve"]

log = logging.getLogger(__name__)

MANIFEST_TYPES = (
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.docker.distribution.manifest.v2+json"
)
Digest = Annotated[str, Meta(pattern=r"^sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})$")]


class IndexNotImageError(InputError):
    """An index was given where one platform's manifest is needed.

    :param children: the manifests of its platforms.
    """

    def __init__(self, message: str, children: Sequence[Child]) -> None:
        self.children = tuple(children)
        super().__init__(message)


class _Descriptor(Struct):
    digest: Digest
    size: Annotated[int, Meta(ge=0)]
    urls: list[str] | None = None
    platform: Platform | None = None
    annotations: dict[str, str] | None = None


class _Manifest(Struct, rename="camel"):
    schema_version: int
    config: _Descriptor | None = None
    layers: list[_Descriptor] | None = None
    manifests: list[_Descriptor] | None = None


def resolve(
    api: HarborApi,
    full_name: str,
    digest: str,
    platform: str,
    *,
    authorization: SecretStr | None = None,
) -> Image:
    """Read one platform's manifest and list what a pull fetches: config and layers, each once.

    Does not list foreign layers (those with ``urls``): nodes fetch them from elsewhere.

    :param authorization: a pull token; without it the caller's own credentials are used.
    :raises IndexNotImageError: for an index.
    :raises NotFoundError: if the manifest is not there.
    :raises RefusedError: if Harbor refuses the pull; the words are Harbor's own.
    :raises UnexpectedAnswerError: if the bytes do not have this digest.
    """
    answer, manifest = _manifest(api, full_name, digest, authorization)
    if manifest.manifests is not None:
        found = _children_of(manifest)
        named = ", ".join(f"{child.platform} {child.digest}" for child in found) or "none"
        raise IndexNotImageError(
            f"{full_name}@{digest} is an index, not the image of one platform. Its images: {named}",
            found,
        )
    if manifest.config is None or manifest.layers is None:
        raise answer.unexpected("an image manifest with config and layers")
    blobs: dict[str, Blob] = {}
    for entry in (manifest.config, *manifest.layers):
        if entry.urls:
            log.info("%s@%s: foreign layer %s left out", full_name, digest, entry.digest)
        else:
            blobs.setdefault(entry.digest, Blob(entry.digest, entry.size))
    return Image(digest, platform, tuple(blobs.values()))


def children(
    api: HarborApi, full_name: str, digest: str, *, authorization: SecretStr | None = None
) -> tuple[Child, ...]:
    """Tell the platforms of an index, or the one of an image (from its config).

    For artifacts whose platforms Harbor does not tell. Empty when nobody tells.
    """
    _, manifest = _manifest(api, full_name, digest, authorization)
    if manifest.manifests is not None:
        return _children_of(manifest)
    if manifest.config is None:
        return ()
    path = f"/v2/{full_name}/blobs/{manifest.config.digest}"
    config = _get(api, "blob", path, full_name, "*/*", authorization)
    _verify(config, manifest.config.digest)
    platform = str(decode(config, Platform, "an image config"))
    return (Child(digest, platform),) if platform else ()


def blob_answer(api: HarborApi, full_name: str, digest: str) -> BlobAnswer:
    """Ask for one byte of a blob, and tell in a few words what the registry says to that.

    For people who look for the reason why a layer is missing. One byte, because a HEAD succeeds for
    a blob whose bytes are gone.
    """
    path = f"/v2/{full_name}/blobs/{digest}"
    try:
        _get(api, "blob", path, full_name, "*/*", None, bytes_range="bytes=0-0")
    except RemoteError as error:
        if error.status and error.status < HTTPStatus.BAD_REQUEST:
            return BlobAnswer("the registry can serve it from its storage")
        status = f"{error.status} " if error.status else ""
        words = f"the registry answers {status}{error.words}".rstrip()
        return BlobAnswer(words, isinstance(error, RefusedError))
    return BlobAnswer("the registry can serve it")


def _children_of(manifest: _Manifest) -> tuple[Child, ...]:
    return tuple(
        Child(entry.digest, str(entry.platform))
        for entry in manifest.manifests or ()
        if entry.platform and str(entry.platform) and ATTESTATION not in (entry.annotations or ())
    )


def _manifest(
    api: HarborApi, full_name: str, digest: str, authorization: SecretStr | None
) -> tuple[Answer, _Manifest]:
    if not digest.startswith(("sha256:", "sha512:")):
        raise InputError(f"{digest!r} is not a digest: it must look like sha256:<64 hex digits>")
    path = f"/v2/{full_name}/manifests/{digest}"
    answer = _get(api, "manifest", path, full_name, MANIFEST_TYPES, authorization)
    _verify(answer, digest)
    return answer, decode(answer, _Manifest, "a manifest")


def _get(
    api: HarborApi,
    kind: str,
    path: str,
    full_name: str,
    accept: str,
    authorization: SecretStr | None,
    *,
    bytes_range: str = "",
) -> Answer:
    """GET from the registry; a token that is refused may have expired: then with own credentials.

    Harbor refuses an expired token with a challenge for Basic (recorded: v2-expired-token-get), and
    lets nobody in without a header, not even into public projects (recorded: v2-public-no-auth).
    """
    headers = {"Accept": accept, **({"Range": bytes_range} if bytes_range else {})}
    if authorization is None and api.basic is None:
        authorization = pull_authorization(api, [full_name])
    given = authorization.get_secret_value() if authorization else None
    answer = api.send(kind, path, headers=headers, authorization=given)
    if answer.status == HTTPStatus.UNAUTHORIZED and given and api.basic:
        answer = api.send(kind, path, headers=headers)
    project = full_name.partition("/")[0]
    advice = f"The robot needs the permission repository:pull on project {project}"
    return api.expect(answer, advice=advice)


def _verify(answer: Answer, digest: str) -> None:
    """Check that these are the bytes that the digest names."""
    algorithm, _, wanted = digest.partition(":")
    found = hashlib.new(algorithm, answer.body).hexdigest()
    if found != wanted:
        raise answer.unexpected(f"the content of {digest} (these bytes have {algorithm}:{found})")
