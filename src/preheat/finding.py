"""Findings: a verdict and all it rests on. Values only; :mod:`preheat.verdict` computes them.

A finding holds what was seen. Whether that is enough hangs on what a run demands, so the same
finding can be WARM for one run and PARTIAL for another: :meth:`Finding.under` tells.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from preheat.demand import VerifyMode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from preheat.artifact import Image
    from preheat.demand import Demand, MinHosts

__all__ = ["Finding", "HostFinding", "MissingLayer", "Seen", "Verdict", "join_words", "unknown"]

WORDS_LENGTH = 500
KINDS_OF_WORDS = 3
NOT_ALL = "All hosts that answered hold it; name the hosts in clusters.yaml to prove that all do."
ONLY_A_JOB = "Only the job's report says so; the peers themselves were not asked."


class Verdict(StrEnum):
    """Whether an image is warm: computed by us, never copied from a job's state."""

    WARM = "WARM"
    PARTIAL = "PARTIAL"
    COLD = "COLD"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class MissingLayer:
    """An expected blob that is not where it should be.

    :param hosts: hosts in scope that are not reported to hold it; empty when no host is known.
    :param words: why, in the words of the registry or of Dragonfly; "" if nobody said.
    :param is_final: whether asking again cannot bring it, as far as anybody says.
    """

    digest: str
    size: int
    hosts: tuple[str, ...] = ()
    words: str = ""
    is_final: bool = False


@dataclass(frozen=True, slots=True)
class HostFinding:
    """How many of the expected blobs one host is reported to hold."""

    host: str
    layers: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Seen:
    """A verdict in short: what a ledger keeps of each placement, to judge it again.

    :param hosts_warm: hosts in scope that hold every layer.
    :param hosts_expected: hosts in scope; None when nobody knows how many, 0 when the scope asks
        for no host in particular.
    """

    verdict: Verdict
    proof: VerifyMode = VerifyMode.LAYERS
    hosts_warm: int = 0
    hosts_expected: int | None = 0

    def under(self, demand: Demand) -> Verdict:
        """Judge it by a demand."""
        if self.verdict in {Verdict.COLD, Verdict.UNKNOWN}:
            return self.verdict
        verdict = self._on_hosts(demand.min_hosts)
        is_proof = self.proof.suffices_for(demand.mode)
        return verdict if is_proof or verdict is not Verdict.WARM else Verdict.UNKNOWN

    def is_warm_under(self, demand: Demand) -> bool:
        """Tell whether it is enough for a demand."""
        return self.under(demand) is Verdict.WARM

    def _on_hosts(self, wanted: MinHosts) -> Verdict:
        if self.hosts_expected == 0:
            return self.verdict
        if self.hosts_expected is not None:
            is_enough = self.hosts_warm >= wanted.wanted_of(self.hosts_expected)
            return Verdict.WARM if is_enough else Verdict.PARTIAL
        if wanted.count is not None:
            return Verdict.WARM if self.hosts_warm >= wanted.count else Verdict.PARTIAL
        return Verdict.UNKNOWN if self.verdict is Verdict.WARM else self.verdict


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict and all it rests on. Every figure was counted.

    :param layers_expected: blobs of the image, config included.
    :param layers_warm: of these, held by every host in scope, or by enough for the demand.
    :param missing: what stands against WARM.
    :param tolerated: what some hosts lack although enough others hold every layer.
    :param proof: how it was proved.
    :param hosts_warm: hosts in scope that hold every layer.
    :param hosts_expected: hosts in scope; None when nobody knows how many, 0 when the scope asks
        for no host in particular.
    :param min_hosts: how many of them were demanded, as policies write it.
    :param layers_small: blobs that peers never give to each other, whatever the verdict.
    :param is_final: whether the job failed of what asking again does not change.
    """

    verdict: Verdict
    layers_expected: int
    layers_warm: int
    bytes_expected: int
    bytes_warm: int
    missing: tuple[MissingLayer, ...] = ()
    hosts: tuple[HostFinding, ...] = ()
    words: str = ""
    tolerated: tuple[MissingLayer, ...] = ()
    proof: VerifyMode = VerifyMode.LAYERS
    hosts_warm: int = 0
    hosts_expected: int | None = 0
    min_hosts: str = "100%"
    layers_small: int = 0
    bytes_small: int = 0
    is_final: bool = False

    @property
    def is_hopeless(self) -> bool:
        """Whether asking again cannot heal it: nothing that is missing can come."""
        if self.verdict not in {Verdict.PARTIAL, Verdict.COLD}:
            return False
        is_lost = bool(self.missing) and all(layer.is_final for layer in self.missing)
        return self.is_final or is_lost

    @property
    def seen(self) -> Seen:
        """What it comes to, without layers and hosts."""
        return Seen(self.verdict, self.proof, self.hosts_warm, self.hosts_expected)

    def under(self, demand: Demand) -> Finding:
        """Judge what was seen by a demand."""
        lacking = (*self.missing, *self.tolerated)
        if self.verdict is Verdict.WARM and self.tolerated:
            strict = replace(self.seen, verdict=Verdict.PARTIAL)
        else:
            strict = self.seen
        verdict = strict.under(demand)
        is_warm = verdict is Verdict.WARM
        found = replace(
            self,
            verdict=verdict,
            missing=() if is_warm else lacking,
            tolerated=lacking if is_warm else (),
            min_hosts=str(demand.min_hosts),
        )
        if verdict is Verdict.UNKNOWN:
            return found._without_figures(self.verdict)  # noqa: SLF001 - one of ours
        short = found.missing
        return replace(
            found,
            layers_warm=self.layers_expected - len(short),
            bytes_warm=self.bytes_expected - sum(layer.size for layer in short),
        )

    def _without_figures(self, before: Verdict) -> Finding:
        """Count nothing as warm or missing, and say why what was called warm is not shown to be."""
        if before is Verdict.UNKNOWN:
            return self
        why = NOT_ALL if self.hosts_expected is None else ONLY_A_JOB
        words = join_words([why, self.words])
        return replace(self, missing=(), layers_warm=0, bytes_warm=0, words=words)


def unknown(image: Image | None, words: str) -> Finding:
    """Say that nothing is known, and why: no layer counts as warm, none as missing."""
    blobs = image.blobs if image else ()
    size = image.size if image else 0
    return Finding(Verdict.UNKNOWN, len(blobs), 0, size, 0, words=words[:WORDS_LENGTH])


def join_words(words: Iterable[str]) -> str:
    """Put different texts on one line, each once, cut to a readable length."""
    texts = list(dict.fromkeys(filter(None, words)))
    shown = texts[:KINDS_OF_WORDS]
    if len(texts) > len(shown):
        shown.append(f"and {len(texts) - len(shown)} more reasons")
    *before, last = shown or [""]
    return "; ".join([*(text.removesuffix(".") for text in before), last])[:WORDS_LENGTH]
