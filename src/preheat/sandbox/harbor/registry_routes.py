"""The registry side, ``/v2``: challenges, manifests, blobs, tags, catalogue, referrers.

Source: harbor: src/server/middleware/v2auth/auth.go, src/server/registry/route.go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from preheat.sandbox.harbor.accounts import Caller
from preheat.sandbox.harbor.call import Call, Opened, reply
from preheat.sandbox.harbor.content import Layer, MediaType
from preheat.sandbox.harbor.errors import HarborError, bad_request, not_found
from preheat.sandbox.harbor.recipes import IndexRecipe
from preheat.sandbox.harbor.rows import Artifact
from preheat.sandbox.harbor.scans import pull_refusal
from preheat.sandbox.harbor.token import SERVICE

__all__ = ["router"]

VERSION: Final = {"docker-distribution-api-version": "registry/2.0"}
JSON: Final = "application/json; charset=utf-8"
READ: Final = ["GET", "HEAD"]

router = APIRouter()


def _challenge(call: Call, message: str, scope: str = "") -> HarborError:
    """Build the 401: Bearer if no Authorization came, else Basic (recorded: v2-garbage-token)."""
    request = call.request
    if request.headers.get("authorization"):
        value = 'Basic realm="harbor"'
    else:
        realm = f"{request.url.scheme}://{request.headers.get('host', '')}/service/token"
        value = f'Bearer realm="{realm}",service="{SERVICE}"'
        value += f',scope="{scope}"' if scope else ""
    headers = VERSION | {"www-authenticate": value}
    told = f"{message}: {message}"
    return HarborError(HTTPStatus.UNAUTHORIZED, "UNAUTHORIZED", told, headers)


def _caller(call: Call) -> Caller:
    """Tell who calls the registry: it takes registry tokens beside Basic."""
    scheme, _, token = call.request.headers.get("authorization", "").partition(" ")
    return call.state.tokens.read(token) if scheme.lower() == "bearer" else call.caller


def _admit(call: Call, name: str) -> None:
    """Demand the pull right on the repository's project.

    :raises HarborError: 401 in every case, known caller or not, project there or not.
    """
    if not call.request.headers.get("authorization"):
        message = "authorize header needed to send HEAD to repository"
        raise _challenge(call, message, f"repository:{name}:pull")
    project = call.state.projects.get(name.partition("/")[0])
    caller = _caller(call)
    if project is None and caller.admin:
        raise not_found(f"project {name.partition('/')[0]} not found")
    if project is None or not caller.may(project, "repository:pull"):
        raise _challenge(call, f"unauthorized to access repository: {name}, action: pull")


@router.api_route("/v2/", methods=READ)
async def base(call: Opened) -> Response:
    """Tell that this is a registry, to a known caller (recorded: service-unauthorized-v2-base)."""
    if not _caller(call).known:
        raise _challenge(call, "unauthorized")
    return Response(b"{}", headers=VERSION | {"content-type": JSON})


@router.get("/v2/_catalog")
async def catalog(call: Opened, request: Request) -> Response:
    """List all repositories, with the system right only (recorded: v2-catalog-robot)."""
    if not call.caller.may_system("catalog:read"):
        raise _challenge(call, "unauthorized to list catalog", "registry:catalog:*")
    names = sorted(repository.name for repository in call.state.repositories())
    return _names("repositories", names, request, {})


def _names(key: str, names: list[str], request: Request, about: Mapping[str, Any]) -> Response:
    """Cut a page of names as the registry API does: ``n`` names after ``last``."""
    last, count = request.query_params.get("last", ""), request.query_params.get("n", "")
    rest = [name for name in names if name > last]
    size = int(count) if count.isdecimal() and int(count) else len(rest)
    headers = {}
    if len(rest) > size:
        after = quote(rest[size - 1], safe="")
        headers["link"] = f'<{request.url.path}?last={after}&n={size}>; rel="next"'
    return reply({**about, key: rest[:size]}, headers=headers, content_type=JSON)


@router.get("/v2/{name:path}/tags/list")
async def tags_list(call: Opened, name: str, request: Request) -> Response:
    """List a repository's tags."""
    _admit(call, name)
    tags = sorted(call.state.repository(name).tags)
    return _names("tags", tags, request, {"name": name})


@router.api_route("/v2/{name:path}/manifests/{reference}", methods=READ)
async def manifest(call: Opened, name: str, reference: str) -> Response:
    """Serve a manifest by tag or digest; a GET counts as a pull, a HEAD does not.

    Project policies may refuse it with 412; blobs they do not guard.
    """
    _admit(call, name)
    artifact = call.state.find(name, reference)
    exempt = call.state.exempt(artifact.repository.project)
    refusal = pull_refusal(artifact, exempt, scanner=call.state.settings.scanner)
    if refusal is not None:
        raise refusal
    if call.request.method == "GET":
        call.state.note_pull(artifact, reference, by=call.by(_caller(call)))
    return Response(
        artifact.recipe.read(),
        headers=_content_headers(artifact.digest) | {"content-type": artifact.recipe.media_type},
    )


def _content_headers(digest: str) -> dict[str, str]:
    return VERSION | {"docker-content-digest": digest, "etag": f'"{digest}"'}


@router.api_route("/v2/{name:path}/blobs/{digest}", methods=READ)
async def blob(call: Opened, name: str, digest: str) -> Response:
    """Serve a blob that is linked to the repository, whole or a range of it."""
    _admit(call, name)
    contents = call.state.contents
    found = contents.get(digest) if digest in call.state.repository(name).blobs else None
    broken = contents.broken.get(digest)
    if found is None or broken == "missing":
        return _registry_error(
            HTTPStatus.NOT_FOUND, "BLOB_UNKNOWN", "blob unknown to registry", {"digest": digest}
        )
    if broken == "unreadable":
        # What distribution answers when its storage fails.
        return _registry_error(
            HTTPStatus.INTERNAL_SERVER_ERROR, "UNKNOWN", "unknown error", {"Err": 5, "Op": "read"}
        )
    headers = _content_headers(digest) | {"content-type": "application/octet-stream"}
    headers |= {"accept-ranges": "bytes"}
    if call.request.method == "HEAD" and isinstance(found, Layer):
        return Response(b"", headers=headers | {"content-length": str(found.size)})
    return _cut(found.read(), call.request.headers.get("range", ""), headers)


def _cut(body: bytes, asked: str, headers: dict[str, str]) -> Response:
    """Serve a range (recorded: v2-blob-range), or all if none that can be read is asked for."""
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", asked.strip())
    if match is None or not (match[1] or match[2]):
        return Response(body, headers=headers)
    size = len(body)
    start = int(match[1]) if match[1] else max(size - int(match[2]), 0)
    end = min(int(match[2]), size - 1) if match[1] and match[2] else size - 1
    if start >= size or end < start:
        status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
        return Response(b"", status, {"content-range": f"bytes */{size}"})
    headers = headers | {"content-range": f"bytes {start}-{end}/{size}"}
    return Response(body[start : end + 1], HTTPStatus.PARTIAL_CONTENT, headers)


def _registry_error(status: int, code: str, message: str, detail: dict[str, Any]) -> Response:
    body = {"errors": [{"code": code, "message": message, "detail": detail}]}
    return reply(body, status=status, headers=VERSION, content_type=JSON)


@router.get("/v2/{name:path}/referrers/{digest}")
async def referrers(call: Opened, name: str, digest: str, request: Request) -> Response:
    """List what is attached to a digest (recorded: v2-referrers; -filter keeps the total)."""
    _admit(call, name)
    if not digest.startswith("sha256:"):
        raise bad_request(f"invalid digest {digest}")
    subject = call.state.repository(name).by_digest.get(digest)
    attached = [a.artifact for a in subject.accessories] if subject else []
    wanted = request.query_params.get("artifactType")
    shown = [a for a in attached if wanted in {None, a.artifact_type}]
    headers = {"x-total-count": str(len(attached))}
    if wanted:
        headers["oci-filters-applied"] = "artifactType"
    body = {
        "schemaVersion": 2,
        "mediaType": MediaType.OCI_INDEX,
        "manifests": [_descriptor(artifact) for artifact in shown],
    }
    return reply(body, headers=headers, content_type=MediaType.OCI_INDEX)


def _descriptor(artifact: Artifact) -> dict[str, Any]:
    recipe = artifact.recipe
    told: dict[str, Any] = {
        "mediaType": recipe.media_type,
        "digest": artifact.digest,
        "size": len(recipe.read()),
        "artifactType": artifact.artifact_type,
    }
    if not isinstance(recipe, IndexRecipe) and recipe.annotations:
        told["annotations"] = dict(recipe.annotations)
    return told
