"""One line of a catalogue file: Harbor's artifact object, and few keys of ours."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from preheat.harbor.answers import ArtifactAnswer
from preheat.harbor.vetting import AllowlistAnswer  # noqa: TC001 - msgspec reads the annotations

__all__ = ["BlobEntry", "FindingEntry", "Line"]

Digest = Annotated[str, Meta(pattern=r"^sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})$")]


class BlobEntry(Struct):
    """A config or layer."""

    digest: Digest
    size: Annotated[int, Meta(ge=0)]


class FindingEntry(Struct):
    """One finding of a scan."""

    id: str
    severity: str


class Line(ArtifactAnswer, kw_only=True, omit_defaults=True):
    """An artifact, or the allowlist of a project; by hand, id and type need not be known."""

    id: int = 0
    digest: Digest = ""
    type: str = ""
    vulnerabilities: list[FindingEntry] | None = None
    blobs: list[BlobEntry] | None = None
    project: str = ""
    cve_allowlist: AllowlistAnswer | None = None
