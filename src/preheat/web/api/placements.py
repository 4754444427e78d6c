"""Placements: what should be warm where, and what was last proved of it."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from preheat.ledger import Cell, Shown
from preheat.provider.config import open_ledger
from preheat.verdict import Verdict
from preheat.web.access import Reader, ReaderDep
from preheat.web.api.asking import CheckedRoute, Id, NameParameter, TextParameter
from preheat.web.api.attempts import AttemptPage, AttemptRow
from preheat.web.contract import PROBLEMS, Told
from preheat.web.paging import Cursor, Limit, Next, read_cursor, write_cursor
from preheat.web.refusing import Refusal

__all__ = ["Placement", "ShownDep", "router"]

router = APIRouter(tags=["placements"], responses=PROBLEMS, route_class=CheckedRoute)


class Placement(BaseModel):
    """One image that should be warm on one cluster, and how it stands."""

    id: int
    cluster: str
    pull_endpoint: str = Field(description="Scheme and host that the nodes pull from.")
    repository: str = Field(examples=["library/hello"])
    digest: str = Field(description="Of the platform's own manifest.")
    platform: str = Field(examples=["linux/amd64"])
    scope: str
    peers: str
    verdict: Verdict
    warm_since: datetime | None
    checked_at: datetime | None
    deleted_at: datetime | None = Field(description="When its artifact was found to be gone.")
    hosts_warm: int
    hosts_expected: int | None
    open_attempt: int | None = Field(description="Set while it is being asked for.")

    @classmethod
    def of(cls, cell: Cell) -> Placement:
        """Take it from the ledger."""
        stored = cell.placement
        key = stored.key
        return cls(
            id=stored.id,
            cluster=key.cluster,
            pull_endpoint=key.pull_endpoint,
            repository=key.repository,
            digest=key.digest,
            platform=key.platform,
            scope=key.scope,
            peers=key.peers,
            verdict=stored.verdict,
            warm_since=stored.warm_since,
            checked_at=stored.checked_at,
            deleted_at=stored.deleted_at,
            hosts_warm=cell.hosts_warm,
            hosts_expected=cell.hosts_expected,
            open_attempt=cell.attempt_id,
        )


class PlacementPage(BaseModel):
    """A page of placements, by id."""

    placements: list[Placement]
    next: Next


class PlannedFor(Told):
    """That a plan wants a placement, and what it did about it."""

    plan_id: int
    dag_id: str
    run_id: str
    policy: str
    recorded_at: datetime
    label: str
    disposition: str = Field(examples=["ASK", "ALREADY_WARM"])
    detail: str
    demand: str = Field(description="What must be shown before it is warm; empty for the usual.")
    attempt_id: int | None
    dry_run: bool


class PlannedForList(BaseModel):
    """The newest plans that want a placement."""

    plans: list[PlannedFor]


def chosen(
    project: TextParameter = "",
    policy: NameParameter = "",
    cluster: NameParameter = "",
    verdict: Annotated[list[Verdict] | None, Query(max_length=4)] = None,
    q: Annotated[TextParameter, Query(description="Part of an image's name, or a digest.")] = "",
    everything: Annotated[bool, Query(description="Also what nobody wants any more.")] = False,  # noqa: FBT002 - FastAPI passes it by name
) -> Shown:
    """Read the filters of a list."""
    return Shown(project, policy, cluster, tuple(verdict or ()), q.strip(), everything)


ShownDep = Annotated[Shown, Depends(chosen)]


@router.get("/placements", operation_id="list_placements", summary="List placements")
def list_placements(
    reader: ReaderDep, shown: ShownDep, cursor: Cursor = "", limit: Limit = 50
) -> PlacementPage:
    """Read a page of what is wanted warm now, by id."""
    key = read_cursor(cursor, int)
    found = open_ledger().overview.placements(
        shown, seen=reader.seen, after=key[0] if key else None, limit=limit
    )
    rows = [Placement.of(cell) for cell in found.rows]
    return PlacementPage(placements=rows, next=write_cursor(found.after))


@router.get(
    "/placements/{placement_id}", operation_id="read_placement", summary="Read one placement"
)
def read_placement(reader: ReaderDep, placement_id: Id) -> Placement:
    """Tell what should be warm where, and what was last proved of it."""
    return Placement.of(_found(reader, placement_id))


@router.get(
    "/placements/{placement_id}/attempts",
    operation_id="list_placement_attempts",
    summary="List the attempts of a placement",
)
def list_placement_attempts(
    reader: ReaderDep, placement_id: Id, cursor: Cursor = "", limit: Limit = 50
) -> AttemptPage:
    """Read a page of the times that we asked for it, the newest first."""
    _found(reader, placement_id)
    key = read_cursor(cursor, int)
    found = open_ledger().overview.attempts(
        [placement_id], seen=reader.seen, before=key[0] if key else None, limit=limit
    )
    rows = [AttemptRow.model_validate(one) for one in found.rows]
    return AttemptPage(attempts=rows, next=write_cursor(found.after))


@router.get(
    "/placements/{placement_id}/plans",
    operation_id="list_placement_plans",
    summary="List the plans that want a placement",
)
def list_placement_plans(reader: ReaderDep, placement_id: Id, limit: Limit = 50) -> PlannedForList:
    """Tell which plans named it, the newest first, and what each did about it."""
    _found(reader, placement_id)
    found = open_ledger().overview.items([placement_id], seen=reader.seen, limit=limit)
    return PlannedForList(plans=[PlannedFor.model_validate(item) for _, item in found])


def _found(reader: Reader, placement_id: int) -> Cell:
    """Read a placement that may be seen.

    :raises Refusal: 404.
    """
    found = open_ledger().overview.placement(placement_id, reader.seen)
    if found is None:
        raise Refusal(HTTPStatus.NOT_FOUND, f"There is no placement {placement_id}.")
    return found
