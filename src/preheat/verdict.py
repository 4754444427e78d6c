"""Verdicts: expected layers against reported layers. Pure.

A job's SUCCESS only ends the wait. What counts is whether each expected blob is reported on each
host in scope (dragonfly: scheduler/job/job.go swallows the errors of ``single_seed_peer``;
``all_*`` succeeds with one success).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from preheat.drivers.base import UNKNOWN_HOST
from preheat.evidence import Evidence, HostsInScope
from preheat.placement import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from preheat.artifact import Blob, Image
    from preheat.drivers.base import Report
    from preheat.placement import PlacementKey

__all__ = ["Finding", "HostFinding", "MissingLayer", "Verdict", "judge", "unknown"]

WORDS_LENGTH = 500
KINDS_OF_WORDS = 3
NOT_ALL = "All hosts that answered hold it; name the hosts in clusters.yaml to prove that all do."


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


def unknown(image: Image | None, words: str) -> Finding:
    """Say that nothing is known, and why: no layer counts as warm, none as missing."""
    blobs = image.blobs if image else ()
    size = image.size if image else 0
    return Finding(Verdict.UNKNOWN, len(blobs), 0, size, 0, words=words[:WORDS_LENGTH])


def judge(
    image: Image,
    key: PlacementKey,
    report: Report | None,
    *,
    expected_hosts: Sequence[str] = (),
) -> Finding:
    """Compare what the peers are said to hold with what a pull needs.

    * **WARM**: every expected blob is held by every host in scope, and there is at least one host.
    * **PARTIAL**: not WARM, but a host in scope holds at least one expected blob.
    * **COLD**: no host in scope is reported to hold any expected blob.
    * **UNKNOWN**: there is no report; or it names no host where the scope asks for hosts; or it
      leaves out hosts that hold nothing, and nobody says which or how many hosts there are.

    A blob counts only under the URL that the placement's nodes ask for: the peers' cache key is
    that URL, so a copy under another repository is no copy (dragonfly: pkg/idgen/task_id.go).

    Hosts in scope: for ``single_seed_peer`` none in particular, one copy of each blob anywhere will
    do, on the host ``unknown`` too (dragonfly: recorded repeat-6mib-single-seed). For ``all_*``
    every host that is reported with a copy or a failure, every address of ``ips`` and, without a
    selection of peers, every expected host; of a ``count`` or ``percentage`` the hosts that hold
    most. A report that tells seeds from peers brings only those of the scope. A host that nobody
    names cannot be judged: that is what ``expected_hosts`` is for.

    :param expected_hosts: addresses or names of all hosts of this scope in the cluster, if known.
    """
    if report is None:
        return unknown(image, "Nothing was reported.")
    if not image.blobs:
        return unknown(image, "The manifest names no blob: there is nothing to compare with.")
    evidence = Evidence.of(image, key, report)
    if key.scope is Scope.SINGLE_SEED_PEER:
        return _judge_anywhere(image, evidence)
    hosts = HostsInScope.of(key, evidence, expected_hosts)
    if not hosts.reported and not hosts.absent and evidence.unattributed:
        return unknown(image, _join(["Copies are reported, but not on which host.", report.error]))
    finding = _judge_everywhere(image, evidence, hosts)
    if finding.verdict is Verdict.WARM and not (hosts.is_bounded or report.names_every_host):
        return replace(finding, verdict=Verdict.UNKNOWN, words=_join([NOT_ALL, finding.words]))
    return finding


def _judge_anywhere(image: Image, evidence: Evidence) -> Finding:
    held = evidence.unattributed.union(*evidence.held.values())
    labels = evidence.labels
    missing = tuple(
        MissingLayer(
            blob.digest,
            blob.size,
            tuple(sorted(labels[host] for host in evidence.failed.get(blob.digest, ()))),
            _join(evidence.words_for(blob.digest, evidence.held)),
        )
        for blob in image.blobs
        if blob.digest not in held
    )
    hosts = [_host_finding(image, labels[host], digests) for host, digests in evidence.held.items()]
    if evidence.unattributed:
        hosts.append(_host_finding(image, UNKNOWN_HOST, evidence.unattributed))
    return _finding(image, missing, hosts, is_any_held=bool(held), words=[evidence.error])


def _judge_everywhere(image: Image, evidence: Evidence, scope: HostsInScope) -> Finding:
    labels = evidence.labels
    missing = [layer for blob in image.blobs if (layer := _missing(blob, evidence, scope))]
    hosts = [_host_finding(image, labels[host], evidence.held[host]) for host in scope.reported]
    hosts += [HostFinding(name, 0, 0) for name in scope.absent]
    words = [evidence.error, *scope.words]
    silent = evidence.dropped.intersection(scope.reported)
    if names := ", ".join(sorted(labels[host] for host in silent if not evidence.held[host])):
        words.append(f"{names}: failed a layer, and Dragonfly tells nothing of the others there.")
    is_any_held = any(evidence.held[host] for host in scope.reported)
    return _finding(image, tuple(missing), hosts, is_any_held=is_any_held, words=words)


def _missing(blob: Blob, evidence: Evidence, scope: HostsInScope) -> MissingLayer | None:
    """Tell which hosts in scope are not reported to hold a blob, None if all are."""
    lacking = [host for host in scope.reported if blob.digest not in evidence.held[host]]
    if scope.is_complete and not lacking:
        return None
    words = evidence.words_for(blob.digest, lacking)
    untold = evidence.dropped.intersection(lacking) - evidence.failed.get(blob.digest, {}).keys()
    if untold:
        words.append("Not known: the host failed another layer.")
    labels = evidence.labels
    hosts = sorted([*(labels[host] for host in lacking), *scope.absent])
    return MissingLayer(blob.digest, blob.size, tuple(hosts), _join([*words, *scope.words]))


def _finding(
    image: Image,
    missing: tuple[MissingLayer, ...],
    hosts: Iterable[HostFinding],
    *,
    is_any_held: bool,
    words: Iterable[str],
) -> Finding:
    verdict = Verdict.WARM
    if missing:
        verdict = Verdict.PARTIAL if is_any_held else Verdict.COLD
    return Finding(
        verdict,
        layers_expected=len(image.blobs),
        layers_warm=len(image.blobs) - len(missing),
        bytes_expected=image.size,
        bytes_warm=image.size - sum(layer.size for layer in missing),
        missing=missing,
        hosts=tuple(sorted(hosts, key=lambda finding: finding.host)),
        words=_join(words),
    )


def _host_finding(image: Image, label: str, digests: Iterable[str]) -> HostFinding:
    held = set(digests)
    sizes = [blob.size for blob in image.blobs if blob.digest in held]
    return HostFinding(label, len(sizes), sum(sizes))


def _join(words: Iterable[str]) -> str:
    """Put different texts on one line, each once, cut to a readable length."""
    texts = list(dict.fromkeys(filter(None, words)))
    shown = texts[:KINDS_OF_WORDS]
    if len(texts) > len(shown):
        shown.append(f"and {len(texts) - len(shown)} more reasons")
    return "; ".join(shown)[:WORDS_LENGTH]
