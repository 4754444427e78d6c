"""What a person looks up in the ledger, as values. Times are aware UTC datetimes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from preheat.ledger.records import StoredPlacement
    from preheat.plan import Decision
    from preheat.verdict import Verdict

__all__ = [
    "Cell",
    "Chosen",
    "Count",
    "ImageRow",
    "Listed",
    "PlannedItem",
    "Shown",
    "StoredPlan",
]

_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True)
class Shown:
    """Which placements a person wants to see.

    :param project: of Harbor; "" for all.
    :param policy: name of the policy that wants them; "" for all.
    :param verdicts: empty for all.
    :param text: part of an image's name with its tag, or the start of its digest.
    :param everything: whether to show also what nobody wants any more, or what is gone.
    """

    project: str = ""
    policy: str = ""
    cluster: str = ""
    verdicts: tuple[Verdict, ...] = ()
    text: str = ""
    everything: bool = False


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which decisions of a plan a person wants to see.

    :param selected: only those selected, or only the others; None for both.
    :param code: one of the reasons; "" for any.
    :param text: part of the repository's name.
    """

    selected: bool | None = None
    code: str = ""
    text: str = ""

    def takes(self, decision: Decision) -> bool:
        """Tell whether a decision is one of them."""
        reasons = (*decision.reasons, *decision.others)
        return (
            self.selected in {None, decision.selected}
            and self.text in decision.repository
            and (not self.code or any(reason.code == self.code for reason in reasons))
        )


@dataclass(frozen=True, slots=True)
class Listed(Generic[_Row]):
    """One page of a list.

    :param after: the key that the next page starts behind; None where this is the last.
    """

    rows: tuple[_Row, ...]
    after: tuple[Any, ...] | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """How an image stands on one cluster: its placement, and whether it is being asked for.

    :param attempt_id: of the attempt that is open now; None where none is.
    :param asked_at: when that one was asked for last; None before that.
    """

    placement: StoredPlacement
    hosts_warm: int
    hosts_expected: int | None
    attempt_id: int | None = None
    asked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ImageRow:
    """One image of one platform, and how it stands wherever it was planned for.

    :param label: as the latest plan called it; the repository with a short digest without one.
    :param tags: that it had then.
    :param size: bytes of its blobs; None if its manifest was never resolved.
    """

    repository: str
    digest: str
    platform: str
    label: str
    tags: tuple[str, ...]
    size: int | None
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Count:
    """How many placements of a cluster stand how.

    :param bytes: of those whose image is known.
    """

    cluster: str
    verdict: Verdict
    placements: int
    bytes: int


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """A plan as the ledger keeps it, without its decisions.

    :param counts: decisions by reason code.
    :param bytes: by cluster: ``images``, ``bytes`` and ``unknown``.
    :param difference: ``added`` and ``removed`` as lists of names, ``kept`` as a number; None where
        there was no plan before.
    :param placements: how many of each disposition.
    """

    id: int
    dag_id: str
    run_id: str
    policy: str
    policy_hash: str
    policy_text: str
    clusters: tuple[Mapping[str, Any], ...]
    warnings: tuple[str, ...]
    failures: tuple[str, ...]
    evaluated_at: datetime
    recorded_at: datetime
    counts: Mapping[str, int]
    bytes: Mapping[str, Mapping[str, int]]
    difference: Mapping[str, Any] | None
    partial: bool
    dry_run: bool
    accept_partial: bool
    placements: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class PlannedItem:
    """That a plan wants a placement, and what it did about it.

    :param disposition: see :class:`preheat.plan.Disposition`.
    """

    plan_id: int
    dag_id: str
    run_id: str
    policy: str
    recorded_at: datetime
    label: str
    disposition: str
    detail: str
    demand: str
    attempt_id: int | None
    dry_run: bool
