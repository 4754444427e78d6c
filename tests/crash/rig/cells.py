"""A cell: placements, something that dies, and the count of what became of them."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.crash.rig.table import Row

from preheat.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from tests.crash.rig.world import World

    from preheat.ledger import Attempt
    from preheat.placement import PlacementKey

__all__ = ["Cell", "Ended"]


@dataclass(frozen=True, slots=True)
class Ended:
    """What the ledger says of a placement in the end.

    :param verdict: what its run was told.
    :param attempts: all that were made, oldest first.
    """

    key: PlacementKey
    verdict: Verdict
    attempts: Sequence[Attempt]

    @property
    def is_lost(self) -> bool:
        """Whether nobody came to a verdict, or somebody still seems to be at it."""
        open_ones = any(attempt.is_open for attempt in self.attempts)
        return self.verdict is Verdict.UNKNOWN or not self.attempts or open_ones

    @property
    def needless(self) -> int:
        """Attempts that were made though an earlier one had found it warm."""
        verdicts = [attempt.verdict for attempt in self.attempts]
        warm = verdicts.index(Verdict.WARM) if Verdict.WARM in verdicts else len(verdicts)
        return max(0, len(verdicts) - warm - 1)


@dataclass
class Cell:
    """One line of the table in the making.

    :param name: what dies, and when.
    :param slug: of its images.
    :param rows: where the line goes.
    """

    name: str
    slug: str
    run_by: str
    database: str
    world: World
    rows: list[Row]
    started: float = field(default_factory=time.monotonic)

    def count(self, ended: Iterable[Ended], *, allowed: int = 0) -> Row:
        """Compare what everybody says with what the stand-ins know; keeps the line."""
        found = list(ended)
        self.world.see_jobs()
        copies = self.world.copies()
        jobs = self.world.jobs_of(self.slug)
        nonces = Counter(nonce_of(job) for job in jobs)
        known = {attempt.nonce for one in found for attempt in one.attempts}
        twins = sum(count - 1 for count in nonces.values())
        strange = sum(count for nonce, count in nonces.items() if nonce not in known)
        row = Row(
            self.name,
            self.run_by,
            self.database,
            placements=len(found),
            jobs=len(jobs),
            lost=sum(one.is_lost for one in found),
            doubled=twins + strange + sum(one.needless for one in found),
            true=sum(one.verdict is self.world.truth(one.key, copies) for one in found),
            seconds=time.monotonic() - self.started,
            allowed=allowed,
        )
        self.rows.append(row)
        return row


def nonce_of(job: dict[str, Any]) -> str:
    """Read the nonce that a job carries."""
    return str(job["bio"]).partition(" ")[0].removeprefix("preheat:")
