"""What the stand-in's images are made of: real bytes, made again whenever they are asked for.

A layer is a seed and a size, a config or manifest a recipe, so 100,000 images need little memory
and the same catalogue has the same digests on every machine.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "Blob",
    "Contents",
    "Document",
    "ImageConfig",
    "Layer",
    "MediaType",
    "Platform",
    "digest_of",
]

CREATED: Final = "2026-01-02T03:04:05Z"
"""When every image says it was built: fixed, or digests would differ from day to day."""


class MediaType:
    """The media types that the stand-in serves."""

    OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
    OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
    OCI_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
    OCI_LAYER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
    OCI_EMPTY: Final = "application/vnd.oci.empty.v1+json"
    DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
    DOCKER_CONFIG: Final = "application/vnd.docker.container.image.v1+json"
    DOCKER_LAYER: Final = "application/vnd.docker.image.rootfs.diff.tar.gzip"
    HELM_CONFIG: Final = "application/vnd.cncf.helm.config.v1+json"
    HELM_LAYER: Final = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"


def digest_of(body: bytes) -> str:
    """Name content as registries do."""
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


@lru_cache(maxsize=8)
def _layer_bytes(seed: str, size: int) -> bytes:
    key = hashlib.sha256(seed.encode()).digest()
    stream = Cipher(algorithms.AES(key[:16]), modes.CTR(key[16:])).encryptor()
    return stream.update(bytes(size))


@cache
def _layer_digest(seed: str, size: int) -> str:
    return digest_of(_layer_bytes(seed, size))


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: pseudo-random bytes that a seed and a size determine.

    :param seed: layers of the same seed and size are the same blob.
    """

    seed: str
    size: int
    media_type: str = MediaType.OCI_LAYER

    @property
    def digest(self) -> str:
        """The true sha256 of the bytes."""
        return _layer_digest(self.seed, self.size)

    def read(self) -> bytes:
        """Make the bytes."""
        return _layer_bytes(self.seed, self.size)


@dataclass(frozen=True, slots=True)
class Document:
    """A blob or config whose bytes are kept, for what is not an image.

    :param attributes: what Harbor shows of it as ``extra_attrs``.
    """

    media_type: str
    body: bytes
    attributes: Mapping[str, Any] | None = None

    @property
    def digest(self) -> str:
        """The true sha256 of the bytes."""
        return digest_of(self.body)

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self.body)

    def read(self) -> bytes:
        """Give the bytes."""
        return self.body


@dataclass(frozen=True, slots=True)
class Platform:
    """An image's platform, as an index names it."""

    os: str
    architecture: str
    variant: str = ""
    os_version: str = ""
    os_features: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Read ``os/architecture[/variant]``."""
        os, architecture, variant = (*text.split("/"), "")[:3]
        return cls(os, architecture, variant)

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """The config of one image: about 1 KB of JSON that seed, platform and layers determine."""

    seed: str
    platform: Platform
    layers: tuple[Layer, ...]
    labels: tuple[tuple[str, str], ...] = ()
    media_type: str = MediaType.OCI_CONFIG

    @property
    def attributes(self) -> dict[str, Any]:
        """What Harbor shows of it as ``extra_attrs`` (recorded: artifact-docker-schema2)."""
        if self.platform.os == "unknown":
            # an attestation's config says nothing (recorded: project-artifacts-q-base-star)
            empty: dict[str, Any] = {"architecture": "unknown", "author": "", "config": {}}
            return empty | {"created": None, "os": "unknown"}
        run: dict[str, Any] = {"Cmd": ["/app"], "Env": [f"BUILD={self.seed}"]}
        if self.labels:
            run["Labels"] = dict(self.labels)
        return {
            "architecture": self.platform.architecture,
            "author": "preheat sandbox",
            "config": run,
            "created": CREATED,
            "os": self.platform.os,
        }

    @property
    def digest(self) -> str:
        """The true sha256 of the bytes."""
        return digest_of(self.read())

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self.read())

    def read(self) -> bytes:
        """Make the bytes."""
        diff_ids = [layer.digest for layer in self.layers]
        history = [{"created": CREATED, "created_by": f"COPY {d[7:19]} /"} for d in diff_ids]
        body = self.attributes | {"rootfs": {"type": "layers", "diff_ids": diff_ids}}
        body["history"] = history
        if self.platform.variant:
            body["variant"] = self.platform.variant
        return msgspec.json.encode(body)


Blob = Layer | Document | ImageConfig


class Contents:
    """Finds a blob's recipe by its digest, and says what is broken about it.

    ``broken`` maps a digest to ``missing`` (404) or ``unreadable`` (500).
    """

    def __init__(self) -> None:
        self._blobs: dict[str, Blob] = {}
        self.broken: dict[str, str] = {}

    def add(self, blob: Blob) -> str:
        """Make a blob readable and return its digest."""
        digest = blob.digest
        self._blobs.setdefault(digest, blob)
        return digest

    def get(self, digest: str) -> Blob | None:
        """Find a blob."""
        return self._blobs.get(digest)
