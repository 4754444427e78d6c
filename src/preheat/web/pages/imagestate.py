"""How an image stands on each cluster at this moment, as its page shows it."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

from preheat.rendering import advice, too_few_hosts
from preheat.verdict import Verdict
from preheat.web.pages.layers import Grid, grid_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from preheat.artifact import Image
    from preheat.ledger import Attempt, Cell, Ledger
    from preheat.verdict import Finding
    from preheat.web.pages.looking import Look, PeerLooks
    from preheat.web.pages.watching import WatchedRuns

__all__ = ["ImageState", "Standing", "read"]

_ATTEMPTS = 50
NEVER = "Nothing was proved of it yet. Warm it, or wait for the next run of its policy."
LOOKED_AGAIN = (
    "The peers were asked again since, and the verdict above is what they said; such a look writes "
    "down no layers. Those below are of the last attempt."
)
NO_ATTEMPT = "No attempt with layers is kept. Verify it to see what is there now."


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands on one cluster.

    :param asking: the attempt that is open now.
    :param proved: the newest attempt that counted layers.
    :param look: what the peers say while a job is under way.
    :param grid: layers by host: of the look, else of the attempt.
    """

    cell: Cell
    asking: Attempt | None
    proved: Attempt | None
    look: Look | None
    grid: Grid | None

    @property
    def is_live(self) -> bool:
        """Whether the layers are what peers say while a job is under way."""
        return self.asking is not None

    @property
    def finding(self) -> Finding | None:
        """What the last attempt found, judged by what is demanded of the placement."""
        if self.proved is None or self.proved.finding is None:
            return None
        return self.proved.finding.under(self.cell.placement.settings.demand)

    @property
    def advice(self) -> str:
        """What to do, in words; "" where it is warm or being asked for."""
        placement = self.cell.placement
        if self.asking is not None or placement.verdict is Verdict.WARM:
            return ""
        if placement.checked_at is None and self.proved is None:
            return NEVER
        found = self.finding
        if found is None or found.verdict is Verdict.WARM:
            return NO_ATTEMPT
        words = advice(found, named="below")
        return f"{words[:1].upper()}{words[1:]}"

    @property
    def note(self) -> str:
        """What to know of the layers shown."""
        checked = self.cell.placement.checked_at
        if self.is_live or self.proved is None or checked is None:
            return ""
        closed = self.proved.closed_at
        return LOOKED_AGAIN if closed is not None and checked > closed else ""

    @property
    def shortage(self) -> str:
        """Where more hosts are wanted than there are."""
        return too_few_hosts(self.finding) if self.finding else ""


@dataclass(frozen=True, slots=True)
class ImageState:
    """All of it, at one moment."""

    now: datetime
    label: str
    tags: tuple[str, ...]
    image: Image | None
    standings: tuple[Standing, ...]
    attempts: tuple[Attempt, ...]

    @property
    def is_open(self) -> bool:
        """Whether it is being asked for somewhere."""
        return any(one.asking is not None for one in self.standings)

    @property
    def registry(self) -> str:
        """Airflow connection of the Harbor that holds it."""
        return self.standings[0].cell.placement.settings.registry

    @property
    def platform(self) -> str:
        """Of the image; "" where nobody told."""
        return self.standings[0].cell.placement.key.platform

    def mark_with(self, watched: WatchedRuns) -> str:
        """Give another text for every other state, for whoever asks again."""
        parts = [
            (one.cell.placement.verdict, one.cell.placement.checked_at, one.cell.attempt_id)
            for one in self.standings
        ]
        looks = [one.look.seen_at if one.look else None for one in self.standings]
        tries = [(a.id, a.job_id, a.asked_at, a.closed_at) for a in self.attempts]
        text = repr((parts, looks, tries, watched.states))
        return blake2b(text.encode(), digest_size=12).hexdigest()


def read(
    ledger: Ledger, looks: PeerLooks, cells: Sequence[Cell], seen: Collection[str] | None
) -> ImageState:
    """Read how an image stands; the peers are asked only where a job is under way."""
    overview = ledger.overview
    ids = [cell.placement.id for cell in cells]
    image = overview.image(cells[0].placement.key.digest)
    attempts = overview.attempts(ids, seen=seen, limit=_ATTEMPTS).rows
    label, tags = max(overview.names(ids, seen).items(), default=(0, ("", ())))[1]
    key = cells[0].placement.key
    return ImageState(
        now=overview.now(),
        label=label or key.repository,
        tags=tags,
        image=image,
        standings=tuple(_standing(ledger, looks, cell, image, attempts) for cell in cells),
        attempts=attempts,
    )


def _standing(
    ledger: Ledger,
    looks: PeerLooks,
    cell: Cell,
    image: Image | None,
    attempts: Sequence[Attempt],
) -> Standing:
    placement = cell.placement
    mine = [attempt for attempt in attempts if attempt.placement_id == placement.id]
    asking = next((attempt for attempt in mine if attempt.is_open), None)
    proved = next((attempt for attempt in mine if attempt.finding is not None), None)
    look = None
    if asking is not None and asking.job_id is not None and image is not None:
        look = looks.latest(ledger, placement, image)
    shown = look.finding if look else None
    if asking is None and proved is not None:
        shown = proved.finding
    return Standing(cell, asking, proved, look, grid_of(image, placement.key.scope, shown))
