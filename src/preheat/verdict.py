"""Verdicts: expected layers against reported layers. Pure.

A job's SUCCESS only ends the wait. What counts is whether each expected blob is reported on each
host in scope (dragonfly: scheduler/job/job.go swallows the errors of ``single_seed_peer``;
``all_*`` succeeds with one success).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from preheat.demand import Demand, VerifyMode
from preheat.drivers.base import UNKNOWN_HOST
from preheat.evidence import Evidence, HostsInScope
from preheat.finding import (
    Finding,
    HostFinding,
    MissingLayer,
    Seen,
    Verdict,
    join_words,
    unknown,
)
from preheat.placement import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from preheat.artifact import Blob, Image
    from preheat.drivers.base import Report
    from preheat.placement import PlacementKey

__all__ = [
    "Finding",
    "HostFinding",
    "MissingLayer",
    "Seen",
    "Verdict",
    "join_words",
    "judge",
    "unknown",
]

NAMELESS = "Copies are reported, but not on which host."
NOT_ASKED = "Of this layer nobody could be asked."


def judge(
    image: Image,
    key: PlacementKey,
    report: Report | None,
    *,
    expected_hosts: Sequence[str] = (),
    demand: Demand | None = None,
) -> Finding:
    """Compare what the peers are said to hold with what a pull needs.

    * **WARM**: every expected blob is held by every host in scope, and there is at least one host;
      or so many hosts hold every blob as the demand asks for.
    * **PARTIAL**: not WARM, but a host in scope holds at least one expected blob.
    * **COLD**: no host in scope is reported to hold any expected blob.
    * **UNKNOWN**: there is no report; or it names no host where the scope asks for hosts; or it
      leaves out hosts that hold nothing, and nobody says which or how many hosts there are; or the
      demand asks for the peers' own word, and there is only a job's; or nothing is missing but what
      nobody could be asked for.

    A blob counts only under the URL that the placement's nodes ask for: the peers' cache key is
    that URL, so a copy under another repository is no copy (dragonfly: pkg/idgen/task_id.go).

    Hosts in scope: for ``single_seed_peer`` none in particular, one copy of each blob anywhere will
    do, on the host ``unknown`` too (dragonfly: recorded repeat-6mib-single-seed). For ``all_*``
    every host that is reported with a copy or a failure, every address of ``ips`` and, without a
    selection of peers, every expected host; of a ``count`` or ``percentage`` the hosts that hold
    most. A report that tells seeds from peers brings only those of the scope. A host that nobody
    names cannot be judged: that is what ``expected_hosts`` is for.

    :param expected_hosts: addresses or names of all hosts of this scope in the cluster, if known.
    :param demand: without one, every host must hold every blob, and a job's word is enough.
    """
    if report is None:
        return unknown(image, "Nothing was reported.")
    if not image.blobs:
        return unknown(image, "The manifest names no blob: there is nothing to compare with.")
    evidence = Evidence.of(image, key, report)
    hosts = HostsInScope.of(key, evidence, expected_hosts)
    if key.scope is Scope.SINGLE_SEED_PEER:
        finding = _judge_anywhere(image, evidence)
    elif not hosts.reported and not hosts.absent and evidence.unattributed:
        return unknown(image, join_words([NAMELESS, report.error]))
    else:
        finding = _judge_everywhere(image, evidence, hosts)
        is_countable = hosts.is_bounded or report.names_every_host
        finding = replace(
            finding,
            hosts_expected=hosts.expected if is_countable else None,
            hosts_warm=hosts.complete(evidence, (blob.digest for blob in image.blobs)),
        )
    if report.untold:
        finding = _with_untold(image, finding, report)
    small = [blob.size for blob in image.blobs if blob.size <= report.unshared_bytes]
    proof = VerifyMode.PEERS if report.from_peers else VerifyMode.LAYERS
    is_refused = report.is_refused and finding.verdict is Verdict.COLD  # from the first layer on
    seen = replace(
        finding,
        proof=proof,
        layers_small=len(small),
        bytes_small=sum(small),
        is_final=report.is_final or is_refused,
    )
    return seen.under(demand or Demand())


def _with_untold(image: Image, finding: Finding, report: Report) -> Finding:
    """Take nothing for absent that nobody was asked for: what is known must be missing by itself.

    With a part of the blobs untold, no host is known to hold all of them, and none to hold none.
    """
    untold = set(report.untold)
    is_known = any(layer.digest not in untold for layer in finding.missing)
    if finding.verdict is not Verdict.PARTIAL or not is_known:
        return unknown(image, finding.words)
    missing = tuple(
        replace(layer, words=NOT_ASKED) if layer.digest in untold else layer
        for layer in finding.missing
    )
    return replace(finding, missing=missing, hosts_warm=0)


def _judge_anywhere(image: Image, evidence: Evidence) -> Finding:
    held = evidence.unattributed.union(*evidence.held.values())
    labels = evidence.labels
    missing = tuple(
        MissingLayer(
            blob.digest,
            blob.size,
            tuple(sorted(labels[host] for host in evidence.failed.get(blob.digest, ()))),
            join_words(evidence.words_for(blob.digest, evidence.held)),
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
    is_final = scope.is_complete and evidence.lost[blob.digest].issuperset(lacking)
    told = join_words([*words, *scope.words])
    return MissingLayer(blob.digest, blob.size, tuple(hosts), told, is_final)


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
        words=join_words(words),
    )


def _host_finding(image: Image, label: str, digests: Iterable[str]) -> HostFinding:
    held = set(digests)
    sizes = [blob.size for blob in image.blobs if blob.digest in held]
    return HostFinding(label, len(sizes), sum(sizes))
