"""How the stand-in's manifests and indexes are made from their parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from preheat.sandbox.harbor.content import (
    Blob,
    Document,
    ImageConfig,
    Layer,
    MediaType,
    Platform,
    digest_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Child", "IndexRecipe", "ManifestRecipe", "Recipe", "Subject"]


def _descriptor(blob: Blob) -> dict[str, Any]:
    body = blob.read() if isinstance(blob, ImageConfig) else None
    return {
        "mediaType": blob.media_type,
        "digest": digest_of(body) if body else blob.digest,
        "size": len(body) if body else blob.size,
    }


@dataclass(frozen=True, slots=True)
class Subject:
    """The artifact that a referrer is about."""

    media_type: str
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class ManifestRecipe:
    """A single manifest: a config and layers.

    :param artifact_type: set on OCI 1.1 referrers and other non-images.
    """

    config: ImageConfig | Document
    layers: tuple[Layer | Document, ...]
    media_type: str = MediaType.OCI_MANIFEST
    annotations: Mapping[str, str] | None = None
    artifact_type: str = ""
    subject: Subject | None = None

    @property
    def blobs(self) -> tuple[Blob, ...]:
        """Everything a pull downloads besides the manifest."""
        return (self.config, *self.layers)

    def read(self) -> bytes:
        """Make the bytes of the manifest."""
        body: dict[str, Any] = {"schemaVersion": 2, "mediaType": self.media_type}
        if self.artifact_type:
            body["artifactType"] = self.artifact_type
        body["config"] = _descriptor(self.config)
        body["layers"] = [_descriptor(layer) for layer in self.layers]
        if self.subject:
            body["subject"] = {
                "mediaType": self.subject.media_type,
                "digest": self.subject.digest,
                "size": self.subject.size,
            }
        if self.annotations:
            body["annotations"] = dict(self.annotations)
        return msgspec.json.encode(body)


@dataclass(frozen=True, slots=True)
class Child:
    """One entry of an index."""

    media_type: str
    digest: str
    size: int
    platform: Platform
    annotations: Mapping[str, str] | None = None

    def descriptor(self) -> dict[str, Any]:
        """Say it as an OCI descriptor."""
        platform: dict[str, Any] = {
            "architecture": self.platform.architecture,
            "os": self.platform.os,
        }
        if self.platform.variant:
            platform["variant"] = self.platform.variant
        if self.platform.os_version:
            platform["os.version"] = self.platform.os_version
        if self.platform.os_features:
            platform["os.features"] = list(self.platform.os_features)
        body = {"mediaType": self.media_type, "digest": self.digest, "size": self.size}
        return (
            body
            | {"platform": platform}
            | ({"annotations": dict(self.annotations)} if self.annotations else {})
        )


@dataclass(frozen=True, slots=True)
class IndexRecipe:
    """An OCI index over images that are already there."""

    children: tuple[Child, ...]
    annotations: Mapping[str, str] | None = None
    media_type: str = MediaType.OCI_INDEX
    blobs: tuple[Blob, ...] = ()

    def read(self) -> bytes:
        """Make the bytes of the index."""
        body: dict[str, Any] = {"schemaVersion": 2, "mediaType": self.media_type}
        body["manifests"] = [child.descriptor() for child in self.children]
        if self.annotations:
            body["annotations"] = dict(self.annotations)
        return msgspec.json.encode(body)


Recipe = ManifestRecipe | IndexRecipe
