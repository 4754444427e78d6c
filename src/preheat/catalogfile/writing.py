"""Writes the lines of a catalogue file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import structs

from preheat.catalogfile.line import BlobEntry, FindingEntry, Line
from preheat.harbor.answers import Platform
from preheat.harbor.vetting import AllowlistAnswer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from preheat.artifact import Blob, Image
    from preheat.facts import Allowlist, Vulnerability
    from preheat.harbor.answers import ArtifactAnswer

__all__ = ["artifact_line", "child_line", "project_line"]


def artifact_line(
    found: ArtifactAnswer,
    *,
    vetted: bool = False,
    blobs: Sequence[Blob] = (),
    vulnerabilities: Sequence[Vulnerability] | None = None,
) -> bytes:
    """Write an artifact; of ``extra_attrs`` only the platform, since an image's config tells more.

    :param vetted: whether it was listed with scans and accessories: then none is an answer.
    :param blobs: config and layers, if they are known and it is a single image.
    :param vulnerabilities: what its scan found, if that is known.
    """
    told = structs.asdict(found)
    if found.type != "IMAGE":
        told["extra_attrs"] = None
    if vetted:
        told["accessories"] = found.accessories or []
    line = Line(**told, blobs=_told_blobs(blobs) or None)
    if vulnerabilities is not None:
        line.vulnerabilities = [FindingEntry(item.id, item.severity) for item in vulnerabilities]
    return _encoded(line)


def child_line(repository_name: str, image: Image) -> bytes:
    """Write what one platform of an index consists of."""
    names = ("os", "architecture", "variant")
    platform = Platform(**dict(zip(names, image.platform.split("/", 2), strict=False)))
    return _encoded(
        Line(
            repository_name=repository_name,
            digest=image.digest,
            type="IMAGE",
            size=image.size,
            extra_attrs=platform,
            blobs=_told_blobs(image.blobs),
        )
    )


def project_line(project: str, allowlist: Allowlist) -> bytes:
    """Write the CVE allowlist that holds in a project."""
    return _encoded(Line(project=project, cve_allowlist=AllowlistAnswer.of(allowlist)))


def _told_blobs(blobs: Iterable[Blob]) -> list[BlobEntry]:
    return [BlobEntry(blob.digest, blob.size) for blob in blobs]


def _encoded(line: Line) -> bytes:
    return msgspec.json.encode(line) + b"\n"
