"""Verdicts: expected layers against reported layers. Pure.

A job's SUCCESS only ends the wait. What counts is whether each expected blob is reported on each
host in scope (dragonfly: scheduler/job/job.go swallows the errors of ``single_seed_peer``;
``all_*`` succeeds with one success).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Finding", "HostFinding", "MissingLayer", "Verdict"]


class Verdict(StrEnum):
    """Whether an image is warm: computed by us, never copied from a job's state."""

    WARM = "WARM"
    PARTIAL = "PARTIAL"
    COLD = "COLD"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class MissingLayer:
    """An expected blob that is not where it should be.

    :param hosts: hosts known to lack it; empty when no host is known at all.
    :param words: why, in the words of the registry or of Dragonfly; "" if nobody said.
    """

    digest: str
    size: int
    hosts: tuple[str, ...] = ()
    words: str = ""


@dataclass(frozen=True, slots=True)
class HostFinding:
    """How many of the expected blobs one host is reported to hold."""

    host: str
    layers: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict and all it rests on. Every figure was counted.

    :param layers_expected: blobs of the image, config included.
    :param layers_warm: of these, held by every host in scope.
    """

    verdict: Verdict
    layers_expected: int
    layers_warm: int
    bytes_expected: int
    bytes_warm: int
    missing: tuple[MissingLayer, ...] = ()
    hosts: tuple[HostFinding, ...] = ()
    words: str = ""
