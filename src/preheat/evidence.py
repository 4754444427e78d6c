"""Which host is said to hold which expected blob, and which hosts the scope means. Pure.

The grounds of a verdict: :mod:`preheat.verdict` reads them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from preheat.drivers.base import PEER, SEED, UNKNOWN_HOST
from preheat.placement import Peers, Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from preheat.artifact import Image
    from preheat.drivers.base import LayerCopy, LayerFailure, Report
    from preheat.placement import PlacementKey

__all__ = ["Evidence", "Host", "HostsInScope"]


class Host(NamedTuple):
    """A host by both its names: several may share an address."""

    ip: str
    hostname: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """The part of a report that concerns one placement.

    :param held: expected digests by host, for each host of the scope's kind that is named at all.
    :param failed: words by digest and host.
    :param dropped: hosts that failed a layer of a job: Dragonfly then names none of their copies
        (dragonfly: scheduler/job/job.go, recorded all-peers-one-killed-midway).
    :param named: hosts that are known to be meant, whatever they hold.
    :param unattributed: expected digests held by a host that Dragonfly does not name.
    :param error: failure text of the job as a whole.
    :param lost: hosts by digest of which it is said that asking again cannot bring it there.
    """

    held: Mapping[Host, set[str]]
    failed: Mapping[str, Mapping[Host, str]]
    dropped: frozenset[Host]
    named: frozenset[Host]
    unattributed: frozenset[str]
    error: str
    lost: Mapping[str, frozenset[Host]]

    @classmethod
    def of(cls, image: Image, key: PlacementKey, report: Report) -> Evidence:
        """Sort a report by host, leaving out what does not concern this placement."""
        digests = {key.blob_url(blob.digest): blob.digest for blob in image.blobs}
        held: dict[Host, set[str]] = defaultdict(set)
        unattributed: set[str] = set()
        for copy in (copy for copy in report.copies if _concerns(copy, key.scope)):
            found = {digests[copy.url]} if copy.url in digests else set()
            if copy.ip == UNKNOWN_HOST:
                unattributed |= found
            else:
                held[Host(copy.ip, copy.hostname)] |= found
        failures = [failure for failure in report.failures if _concerns(failure, key.scope)]
        for failure in failures:
            held.setdefault(Host(failure.ip, failure.hostname), set())
        named = frozenset(Host(*names) for names in report.hosts)
        for host in named:
            held.setdefault(host, set())
        dropped = frozenset(
            Host(failure.ip, failure.hostname) for failure in failures if not failure.host_type
        )
        failed = _failures_by_digest(failures, digests)
        lost = {
            digest: frozenset(
                Host(failure.ip, failure.hostname)
                for failure in failures
                if failure.is_final and failure.url == url
            )
            for url, digest in digests.items()
        }
        return cls(dict(held), failed, dropped, named, frozenset(unattributed), report.error, lost)

    @property
    def labels(self) -> dict[Host, str]:
        """Call a host by its address, and by its name too where several share the address."""
        shared = Counter(host.ip for host in self.held)
        return {
            host: host.ip
            if host.ip and shared[host.ip] == 1
            else f"{host.ip} ({host.hostname})".strip()
            for host in self.held
        }

    def words_for(self, digest: str, hosts: Iterable[Host]) -> list[str]:
        """Collect what was said about a blob on these hosts."""
        told = self.failed.get(digest, {})
        return sorted({told[host] for host in hosts if host in told})


@dataclass(frozen=True, slots=True)
class HostsInScope:
    """The hosts that must hold every blob of an ``all_*`` placement.

    :param reported: those that the report names.
    :param absent: those that it does not name though they should hold the image.
    :param short: how many more, nameless, the selection asks for.
    :param groups: the reported hosts as they count: those of one expected address are one.
    :param is_bounded: whether it is known which or how many hosts are meant; else the report alone
        decides, and one that leaves out hosts proves nothing of those.
    """

    reported: tuple[Host, ...]
    absent: tuple[str, ...] = ()
    short: int = 0
    groups: tuple[tuple[Host, ...], ...] = ()
    is_bounded: bool = True

    @classmethod
    def of(cls, key: PlacementKey, evidence: Evidence, expected: Sequence[str]) -> HostsInScope:
        """Find them: every reported host, unless the placement selects some."""
        peers = Peers.parse(key.peers)
        named = sorted(evidence.held)
        if peers.ips:
            return cls._named([host for host in named if host.ip in peers.ips], peers.ips)
        wanted = peers.count
        if peers.percentage is not None and expected:
            wanted = max(1, len(set(expected)) * peers.percentage // 100)
        if wanted is None and peers.percentage:
            chosen = sorted(evidence.named) or named
            return replace(cls._named(chosen, ()), is_bounded=False)
        if wanted is None:
            return replace(cls._named(named, expected), is_bounded=bool(expected))
        return cls._counted(evidence, wanted)

    @classmethod
    def _named(cls, reported: Sequence[Host], expected: Sequence[str]) -> HostsInScope:
        """Group the reported hosts by the expected name that they answer to.

        A host belongs to one group only, that of its address before that of its name: a list that
        names one host both ways must not count it twice. Its other name is then neither warm nor
        absent.
        """
        names = set(expected)
        groups: dict[str, list[Host]] = defaultdict(list)
        others: list[tuple[Host, ...]] = []
        for host in reported:
            name = next((each for each in host if each in names), None)
            if name is None:
                others.append((host,))
            else:
                groups[name].append(host)
        met = {name for host in reported for name in host}
        absent = tuple(sorted(names - met))
        named = [tuple(groups[name]) for name in sorted(groups)]
        return cls(tuple(reported), absent, groups=(*named, *others))

    @classmethod
    def _counted(cls, evidence: Evidence, wanted: int) -> HostsInScope:
        """Take the hosts that a job chose and failed on, then those that hold most."""
        chosen = sorted(evidence.dropped)
        others = sorted(
            set(evidence.held) - evidence.dropped,
            key=lambda host: (-len(evidence.held[host]), host),
        )
        chosen += others[: max(0, wanted - len(chosen))]
        chosen.sort()
        short = max(0, wanted - len(chosen))
        return cls(tuple(chosen), short=short, groups=tuple((host,) for host in chosen))

    @property
    def expected(self) -> int:
        """How many hosts should hold the image, as far as anybody says."""
        return len(self.groups) + len(self.absent) + self.short

    def complete(self, evidence: Evidence, digests: Iterable[str]) -> int:
        """Count those that hold every one of these blobs."""
        whole = set(digests)
        return sum(all(evidence.held[host] >= whole for host in group) for group in self.groups)

    @property
    def is_complete(self) -> bool:
        """Whether the report names every host it should, and at least one."""
        return bool(self.reported) and not self.absent and not self.short

    @property
    def words(self) -> list[str]:
        """Say which hosts are missing from the report, for a person on call."""
        told = []
        if self.absent:
            noun = "host" if len(self.absent) == 1 else "hosts"
            told.append(f"Dragonfly does not report the {noun} {', '.join(self.absent)}.")
        if self.short:
            asked = len(self.reported) + self.short
            told.append(f"Dragonfly reports {len(self.reported)} of the {asked} hosts asked for.")
        return told


def _concerns(entry: LayerCopy | LayerFailure, scope: Scope) -> bool:
    """Whether a host is of the kind that the scope means; entries that do not say are."""
    kind = PEER if scope is Scope.ALL_PEERS else SEED
    return entry.host_type in {"", kind}


def _failures_by_digest(
    failures: Iterable[LayerFailure], digests: Mapping[str, str]
) -> dict[str, dict[Host, str]]:
    failed: dict[str, dict[Host, str]] = defaultdict(dict)
    # In the order of the words: which of two texts is kept must not depend on the report's order.
    for failure in sorted(failures, key=lambda failure: failure.words, reverse=True):
        if failure.url in digests:
            failed[digests[failure.url]][Host(failure.ip, failure.hostname)] = failure.words
    return dict(failed)
