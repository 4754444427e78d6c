"""Who holds what: a report of the peers, laid out host by layer."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from preheat.drivers.base import PEER, SEED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from preheat.artifact import Image
    from preheat.drivers.base import Report
    from preheat.placement import PlacementKey

__all__ = ["Held", "Holding", "holdings"]


class Held(StrEnum):
    """What one host has of one layer."""

    WHOLE = "held"
    PART = "not finished"
    NOT = "not held"
    UNTOLD = "not told"


@dataclass(frozen=True, slots=True)
class Holding:
    """One host.

    :param kind: ``seed`` or ``peer``.
    :param answered: whether it said anything; a host that holds nothing says as little as one that
        cannot be reached.
    :param layers: in the order of the image's blobs.
    """

    ip: str
    hostname: str
    kind: str
    answered: bool
    layers: tuple[Held, ...]

    @property
    def count(self) -> int:
        """How many layers it holds."""
        return sum(each is Held.WHOLE for each in self.layers)


def holdings(
    image: Image, key: PlacementKey, report: Report, expected: Mapping[str, tuple[str, ...]]
) -> list[Holding]:
    """List every host that answered or that ``clusters.yaml`` names, seeds first.

    :param expected: addresses by ``seed_peers`` and ``peers``.
    """
    urls = [key.blob_url(blob.digest) for blob in image.blobs]
    told: dict[tuple[str, str, str], dict[str, Held]] = defaultdict(dict)
    for failure in report.failures:
        told[failure.host_type, failure.ip, failure.hostname][failure.url] = Held.PART
    for copy in report.copies:
        told[copy.host_type, copy.ip, copy.hostname][copy.url] = Held.WHOLE
    lacking = [Held.UNTOLD if blob.digest in report.untold else Held.NOT for blob in image.blobs]
    found = [
        Holding(
            ip,
            hostname,
            kind,
            answered=True,
            layers=tuple(own.get(url, none) for url, none in zip(urls, lacking, strict=True)),
        )
        for (kind, ip, hostname), own in told.items()
    ]
    names = {name for _, *both in told for name in both}
    kinds = ((SEED, expected.get("seed_peers", ())), (PEER, expected.get("peers", ())))
    found += [
        Holding(name, "", kind, answered=False, layers=tuple(lacking))
        for kind, expected_names in kinds
        for name in expected_names
        if name not in names
    ]
    return sorted(found, key=lambda each: (each.kind != SEED, each.ip, each.hostname))
