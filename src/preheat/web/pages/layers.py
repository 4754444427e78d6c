"""Layers by host: which of them lack what, drawn from a finding. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from preheat.placement import Scope
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from preheat.artifact import Image
    from preheat.verdict import Finding, MissingLayer

__all__ = ["Grid", "LayerRow", "grid_of"]


@dataclass(frozen=True, slots=True)
class LayerRow:
    """One layer: where it is, and what was said of it where it is not.

    :param is_config: it is the image's configuration, which Dragonfly counts as a layer.
    :param held: for each host of the grid; empty where hosts are not told apart.
    :param present: on so many hosts; 1 or 0 where any host will do.
    """

    digest: str
    size: int
    is_config: bool
    held: tuple[bool, ...]
    present: int
    lacking: MissingLayer | None = None


@dataclass(frozen=True, slots=True)
class Grid:
    """All layers of an image, by host.

    :param hosts: columns; empty where the scope asks for no host in particular.
    :param wanted: hosts that a layer should be on; 1 where any host will do.
    """

    hosts: tuple[str, ...]
    rows: tuple[LayerRow, ...]
    wanted: int

    @property
    def complete(self) -> int:
        """Layers that are on every host."""
        return sum(row.present >= self.wanted for row in self.rows)

    @property
    def complete_bytes(self) -> int:
        """Their bytes."""
        return sum(row.size for row in self.rows if row.present >= self.wanted)

    @property
    def size(self) -> int:
        """Bytes of all layers."""
        return sum(row.size for row in self.rows)


def grid_of(image: Image | None, scope: Scope, finding: Finding | None) -> Grid | None:
    """Lay out what was seen; None where nothing was counted, or not layer by layer.

    A finding tells which hosts lack a layer, and how many layers each host holds. Where the two
    do not agree, nothing is drawn: no sign stands for what nobody said.
    """
    if image is None or finding is None or finding.verdict is Verdict.UNKNOWN:
        return None
    lacking = {layer.digest: layer for layer in (*finding.missing, *finding.tolerated)}
    if scope is Scope.SINGLE_SEED_PEER:
        rows = [_row(image, index, (), lacking, 0) for index in range(len(image.blobs))]
        return Grid((), tuple(rows), 1)
    hosts = tuple(host.host for host in finding.hosts)
    rows = [_row(image, index, hosts, lacking, len(hosts)) for index in range(len(image.blobs))]
    counted = [sum(row.held[column] for row in rows) for column in range(len(hosts))]
    if not hosts or counted != [host.layers for host in finding.hosts]:
        return None
    return Grid(hosts, tuple(rows), len(hosts))


def _row(
    image: Image,
    index: int,
    hosts: tuple[str, ...],
    lacking: dict[str, MissingLayer],
    most: int,
) -> LayerRow:
    blob = image.blobs[index]
    missing = lacking.get(blob.digest)
    absent = set(missing.hosts) if missing else set()
    held = tuple(host not in absent for host in hosts)
    present = sum(held) if most else int(missing is None)
    return LayerRow(blob.digest, blob.size, index == 0, held, present, missing)
