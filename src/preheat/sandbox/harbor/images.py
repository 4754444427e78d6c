"""Whole images for the stand-in: built from a seed and pushed with their tags in one call."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from preheat.sandbox.harbor.content import Document, ImageConfig, Layer, MediaType, Platform
from preheat.sandbox.harbor.events import By
from preheat.sandbox.harbor.recipes import Child, IndexRecipe, ManifestRecipe, Subject
from preheat.sandbox.harbor.scan_events import sbom_event
from preheat.sandbox.harbor.scans import SCANNER

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from preheat.sandbox.harbor.rows import Artifact
    from preheat.sandbox.harbor.state import HarborState

__all__ = ["ImageSpec", "generate_sbom", "push_chart", "push_image", "sign"]

SMALL_IMAGE: Final = (("base small", 120_000), ("app", 24_000))
SIGNATURE_TYPES: Final = {
    "signature.cosign": "application/vnd.dev.sigstore.bundle.v0.3+json",
    "signature.notation": "application/vnd.cncf.notary.signature",
    "sbom.harbor": "application/vnd.goharbor.harbor.sbom.v1",
    "subject.accessory": "application/spdx+json",
}
SIMPLE_SIGNING: Final = "application/vnd.dev.cosign.simplesigning.v1+json"


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """What an image is made of.

    :param seed: images of the same seed, layers and platforms have the same digest.
    :param layers: (seed, size) of each; a layer also depends on the platform, so that images share
        their base layers platform by platform.
    :param platforms: one gives a single manifest, several an index.
    :param docker: push Docker media types.
    :param attested: add an attestation child to an index, as BuildKit does.
    """

    seed: str
    layers: Sequence[tuple[str, int]] = SMALL_IMAGE
    platforms: Sequence[str] = ("linux/amd64",)
    docker: bool = False
    attested: bool = False


def push_image(
    state: HarborState,
    repository: str,
    spec: ImageSpec | None = None,
    *,
    tags: Sequence[str] = (),
    at: datetime | None = None,
    by: By | None = None,
) -> Artifact:
    """Push an image, children first, and give its artifact: the index where there is one.

    :raises HarborError: 404 when the project does not exist.
    """
    spec = spec or ImageSpec(f"{repository}:{','.join(tags)}")
    platforms = [Platform.parse(text) for text in spec.platforms]
    recipes = [_manifest(spec, platform) for platform in platforms]
    with state.lock:
        if len(recipes) == 1:
            return state.push(repository, recipes[0], tags=tags, at=at, by=by)
        children = [state.push(repository, recipe, at=at, by=by) for recipe in recipes]
        entries = [_child(c, p) for c, p in zip(children, platforms, strict=True)]
        if spec.attested:
            about = {
                "vnd.docker.reference.digest": children[0].digest,
                "vnd.docker.reference.type": "attestation-manifest",
            }
            attestation = state.push(repository, _attestation(spec), at=at, by=by)
            entries.append(
                replace(_child(attestation, Platform("unknown", "unknown")), annotations=about)
            )
        return state.push(repository, IndexRecipe(tuple(entries)), tags=tags, at=at, by=by)


def push_chart(
    state: HarborState,
    repository: str,
    version: str,
    *,
    at: datetime | None = None,
    by: By | None = None,
) -> Artifact:
    """Push a Helm chart: listed beside images, never one."""
    name = repository.rpartition("/")[2]
    about = {"apiVersion": "v2", "description": "chart", "name": name, "version": version}
    body = "".join(f'"{key}":"{value}",' for key, value in about.items()).rstrip(",")
    config = Document(MediaType.HELM_CONFIG, f"{{{body}}}".encode(), about)
    layer = Layer(f"chart {name} {version}", 9_000, MediaType.HELM_LAYER)
    return state.push(repository, ManifestRecipe(config, (layer,)), tags=[version], at=at, by=by)


def sign(
    state: HarborState,
    artifact: Artifact,
    kind: str = "signature.cosign",
    *,
    at: datetime | None = None,
    by: By | None = None,
    by_tag: bool = False,
) -> Artifact:
    """Attach a signature or SBOM; its content is made up.

    :param by_tag: cosign's older scheme, an image with the tag ``sha256-….sig``; else it is an OCI
        1.1 referrer without any tag. Either is told as the push of what it is (recorded:
        webhook-push-signature).
    """
    tags = (f"{artifact.digest.replace(':', '-')}.sig",) if by_tag else ()
    recipe = _tagged_signature(artifact) if by_tag else _referrer(artifact, kind)
    with state.lock:
        accessory = state.push(artifact.repository.name, recipe, tags=tags, at=at, by=by)
        if accessory.subject is None:
            state.attach(accessory, artifact, kind)
        return accessory


def generate_sbom(
    state: HarborState, artifact: Artifact, *, at: datetime | None = None, by: By | None = None
) -> Artifact:
    """Have the scanner make an SBOM, which its own robot pushes (recorded: webhook-sbom-generated).

    :param by: who asked for it.
    """
    project = artifact.repository.project.name
    robot = By(f"robot${project}+scanner-{SCANNER['name']}-{uuid.uuid4()}")
    at = at or state.now()
    with state.lock:
        sbom = sign(state, artifact, "sbom.harbor", at=at, by=robot)
        state.events.emit(sbom_event(artifact, sbom, at, by or By()))
        return sbom


def _referrer(artifact: Artifact, kind: str) -> ManifestRecipe:
    empty = Document(MediaType.OCI_EMPTY, b"{}")
    size = len(artifact.recipe.read())
    subject = Subject(artifact.recipe.media_type, artifact.digest, size)
    body = Document("application/octet-stream", f"{kind} of {artifact.digest}".encode())
    return ManifestRecipe(empty, (body,), artifact_type=SIGNATURE_TYPES[kind], subject=subject)


def _tagged_signature(artifact: Artifact) -> ManifestRecipe:
    """Make what cosign pushes under a tag: to Harbor an image like any other until it is known."""
    body: dict[str, Any] = {"architecture": "", "config": {}, "created": None, "os": ""}
    config = Document(MediaType.OCI_CONFIG, msgspec.json.encode(body), body)
    claim = {"critical": {"image": {"docker-manifest-digest": artifact.digest}}}
    layer = Document(SIMPLE_SIGNING, msgspec.json.encode(claim))
    return ManifestRecipe(config, (layer,))


def _manifest(spec: ImageSpec, platform: Platform) -> ManifestRecipe:
    kind = MediaType.DOCKER_LAYER if spec.docker else MediaType.OCI_LAYER
    layers = tuple(Layer(f"{seed} {platform}", size, kind) for seed, size in spec.layers)
    config_type = MediaType.DOCKER_CONFIG if spec.docker else MediaType.OCI_CONFIG
    config = ImageConfig(spec.seed, platform, layers, media_type=config_type)
    media_type = MediaType.DOCKER_MANIFEST if spec.docker else MediaType.OCI_MANIFEST
    return ManifestRecipe(config, layers, media_type)


def _attestation(spec: ImageSpec) -> ManifestRecipe:
    statement = Document("application/vnd.in-toto+json", f'{{"seed":"{spec.seed}"}}'.encode())
    unknown = Platform("unknown", "unknown")
    return ManifestRecipe(ImageConfig(f"{spec.seed} attestation", unknown, ()), (statement,))


def _child(artifact: Artifact, platform: Platform) -> Child:
    size = len(artifact.recipe.read())
    return Child(artifact.recipe.media_type, artifact.digest, size, platform)
