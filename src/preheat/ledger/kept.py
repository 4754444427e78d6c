"""What policies want kept warm between their runs: which placements, how often looked at, how long.

A row for each policy: one policy's next plan must not undo what another one wants.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select

from preheat.demand import Demand
from preheat.ledger import placements
from preheat.ledger.engine import in_parts, upsert
from preheat.ledger.schema import kept as table
from preheat.ledger.schema import placement, plan, plan_placement
from preheat.plan import Disposition, KeepWarm

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from sqlalchemy import Connection

    from preheat.ledger.records import StoredPlacement

__all__ = ["Kept", "as_data", "follow", "forget", "forget_expired", "of_all"]

# A plan that does not ask for something (budget, window) does not promise to look after it either.
_PROMISED = (Disposition.ASK.value, Disposition.ALREADY_WARM.value)
_KEY = ["placement_id", "policy"]


@dataclass(frozen=True, slots=True)
class Kept:
    """That one policy wants one placement kept warm.

    :param label: as the plan called it.
    :param accept_partial: whether PARTIAL is well enough for the policy.
    :param selected_at: when a plan of the policy asked for it last.
    :param demand: what the policy wants shown before it counts as warm.
    """

    placement: StoredPlacement
    policy: str
    label: str
    recheck: timedelta
    accept_partial: bool
    selected_at: datetime
    until: datetime
    demand: Demand = field(default_factory=Demand)

    @property
    def due_at(self) -> datetime:
        """When its proof gets too old; what was never checked has as long from its plan on."""
        return (self.placement.checked_at or self.selected_at) + self.recheck


def follow(connection: Connection, plan_id: int, now: datetime) -> None:
    """Note what a plan wants kept warm; one that wants nothing kept ends what its policy wanted.

    A dry run changes nothing of either.
    """
    of_plan = select(plan.c.policy, plan.c.keep_warm, plan.c.accept_partial, plan.c.dry_run)
    policy, data, accept_partial, dry = connection.execute(
        of_plan.where(plan.c.id == plan_id)
    ).one()
    if dry:
        return
    keep = from_data(data)
    if keep is None:
        connection.execute(delete(table).where(table.c.policy == policy))
        return
    query = (
        select(plan_placement.c.placement_id, plan_placement.c.label, plan_placement.c.demand)
        .where(plan_placement.c.plan_id == plan_id, plan_placement.c.disposition.in_(_PROMISED))
        # One order for all writers, so that two plans cannot wait for each other's rows.
        .order_by(plan_placement.c.placement_id)
    )
    rows = [
        {
            "placement_id": row.placement_id,
            "policy": policy,
            "label": row.label,
            "recheck_seconds": int(keep.recheck.total_seconds()),
            "accept_partial": accept_partial,
            "demand": row.demand,
            "selected_at": now,
            "keep_until": now + keep.until,
        }
        for row in connection.execute(query)
    ]
    if not rows:
        return
    insert = upsert(connection, table)
    latest = {name: insert.excluded[name] for name in rows[0].keys() - set(_KEY)}
    connection.execute(insert.on_conflict_do_update(index_elements=_KEY, set_=latest), rows)


def as_data(keep: KeepWarm | None) -> dict[str, float] | None:
    """Write it down with a plan."""
    if keep is None:
        return None
    return {
        "recheck_seconds": keep.recheck.total_seconds(),
        "until_seconds": keep.until.total_seconds(),
    }


def from_data(data: Mapping[str, Any] | None) -> KeepWarm | None:
    """Read it back."""
    if data is None:
        return None
    return KeepWarm(
        timedelta(seconds=data["recheck_seconds"]), timedelta(seconds=data["until_seconds"])
    )


def of_all(connection: Connection, now: datetime) -> list[Kept]:
    """Read all that is to be kept warm now, by placement."""
    query = (
        select(table, placement)
        .join(placement, placement.c.id == table.c.placement_id)
        .where(table.c.keep_until > now)
        .order_by(table.c.placement_id, table.c.policy)
    )
    return [
        Kept(
            placement=placements.read(row),
            policy=row["policy"],
            label=row["label"],
            recheck=timedelta(seconds=row["recheck_seconds"]),
            accept_partial=row["accept_partial"],
            selected_at=row["selected_at"],
            until=row["keep_until"],
            demand=Demand.parse(row["demand"]),
        )
        for row in connection.execute(query).mappings()
    ]


def forget(connection: Connection, placement_ids: Collection[int]) -> None:
    """Keep these warm no more, whoever wanted it."""
    for some in in_parts(sorted(placement_ids)):
        connection.execute(delete(table).where(table.c.placement_id.in_(some)))


def forget_expired(connection: Connection, now: datetime) -> int:
    """Remove what need not be kept any more; tells how many rows."""
    return connection.execute(delete(table).where(table.c.keep_until <= now)).rowcount
