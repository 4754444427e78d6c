"""Taking turns: which way of catching up is due, and when the next one is."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from preheat.catchup.additions import new_artifacts
from preheat.catchup.feed import catch_up
from preheat.catchup.pace import FAILED_SECONDS, next_interval, sweep_interval
from preheat.catchup.sweep import last_sweep, sweep
from preheat.errors import RemoteError

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.catchup.caught import Caught
    from preheat.harbor.client import HarborClient
    from preheat.ledger import Ledger

__all__ = ["CatchUp", "Wanted", "Way"]

WAY_SECONDS = 600.0
MOST_WARNINGS = 1000


class Way(StrEnum):
    """How what is new is found, besides sweeps: the first that the Harbor and its robot allow."""

    FEED = "audit log"
    ADDITIONS = "new artifacts"
    NONE = "sweeps alone"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants to know.

    :param projects: accept names of projects.
    :param labels: whether added labels are wanted, which nothing but sweeps find.
    :param signatures: whether signatures are: the log tells only those that have a tag.
    """

    projects: tuple[Callable[[str], bool], ...]
    labels: bool = False
    signatures: bool = False


class CatchUp:
    """Catches up with one Harbor, turn by turn.

    :param registry: Airflow connection id of the Harbor.
    :param clock: seconds that never go back.
    """

    def __init__(
        self, registry: str, wanted: Wanted, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.registry = registry
        self.wanted = wanted
        self.way = Way.NONE
        self._clock = clock
        self._way_until = float("-inf")
        self._interval = 0.0
        self._look_at = float("-inf")
        self._sweep_at: float | None = None
        self._told: set[str] = set()
        self._warnings: list[str] = []

    def turn(self, client: HarborClient, ledger: Ledger) -> float:
        """Do what is due, and tell after how many seconds something is due again.

        :raises RemoteError: if Harbor does not answer as it should; all else that was due is done.
            A sweep that failed has a pause of its own. What else failed is due at once, and how
            long to wait is the caller's to say.
        """
        errors: list[RemoteError] = []
        for act in (self._choose, self._look, self._sweep):
            try:
                act(client, ledger)
            except RemoteError as error:
                errors.append(error)
        if errors:
            raise errors[0]
        due = [self._sweep_at or 0.0, *([self._look_at] if self.way is not Way.NONE else [])]
        return max(min(due) - self._clock(), 0.0)

    def take_warnings(self) -> list[str]:
        """Give what was passed over and not given yet, each thing once."""
        warnings, self._warnings = self._warnings, []
        return warnings

    def _choose(self, client: HarborClient, _: Ledger) -> None:
        """Choose the way, now and then; a sweep finds what falls between the old and a new one."""
        if self._clock() < self._way_until:
            return
        way = _way_of(client)
        self._way_until = self._clock() + WAY_SECONDS
        if way is not self.way and self._sweep_at is not None:
            self._sweep_at = self._clock()
        self.way = way

    def _look(self, client: HarborClient, ledger: Ledger) -> None:
        """Look for what is new, if that is due."""
        if self.way is Way.NONE or self._clock() < self._look_at:
            return
        if self.way is Way.FEED:
            caught = catch_up(client, ledger, self.registry)
        else:
            caught = new_artifacts(client, ledger, self.registry, self.wanted.projects)
        self._note(caught)
        self._interval = next_interval(self._interval, found=caught.new > 0)
        self._look_at = self._clock() + self._interval

    def _sweep(self, client: HarborClient, ledger: Ledger) -> None:
        """Sweep, if that is due; one that fails does not take up every turn from then on."""
        try:
            self._swept(client, ledger)
        except RemoteError:
            self._sweep_at = self._clock() + FAILED_SECONDS
            raise

    def _swept(self, client: HarborClient, ledger: Ledger) -> None:
        """Sweep, if that is due; what another process swept lately is not swept again."""
        pause = self._sweep_pause()
        if self._sweep_at is None:
            self._sweep_at = self._clock() + _left(client, ledger, self.registry, pause)
        if self._clock() < self._sweep_at:
            return
        signatures = self.wanted.signatures
        self._note(
            sweep(client, ledger, self.registry, self.wanted.projects, accessories=signatures)
        )
        self._sweep_at = self._clock() + pause

    def _sweep_pause(self) -> float:
        often = self.wanted.labels or self.wanted.signatures or self.way is not Way.FEED
        return sweep_interval(often=often)

    def _note(self, caught: Caught) -> None:
        fresh = [text for text in dict.fromkeys(caught.warnings) if text not in self._told]
        self._warnings.extend(fresh)
        if len(self._told) > MOST_WARNINGS:
            self._told.clear()
        self._told.update(fresh)


def _way_of(client: HarborClient) -> Way:
    if client.reads_audit_feed():
        return Way.FEED
    return Way.ADDITIONS if client.has_project_listing() else Way.NONE


def _left(client: HarborClient, ledger: Ledger, registry: str, pause: float) -> float:
    """Tell how much of a pause is left after the last sweep, by Harbor's clock."""
    swept, now = last_sweep(ledger, registry), client.now()
    if swept is None or now is None:
        return 0.0
    return min(max(pause - (now - swept).total_seconds(), 0.0), pause)
