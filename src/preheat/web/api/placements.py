"""Placements: what should be warm where, and what was last proved of it."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from preheat.ledger import Cell, Shown
from preheat.provider.config import open_ledger
from preheat.verdict import Verdict
from preheat.web.access import ReaderDep
from preheat.web.contract import PROBLEMS
from preheat.web.refusing import Refusal

__all__ = ["Placement", "PlacementPage", "chosen", "router"]

router = APIRouter(tags=["placements"], responses=PROBLEMS)


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
    next: str | None = Field(description="Pass it as `cursor` for the next page; null at the end.")


def chosen(
    project: Annotated[str, Query(max_length=255)] = "",
    policy: Annotated[str, Query(max_length=250)] = "",
    cluster: Annotated[str, Query(max_length=250)] = "",
    verdict: Annotated[list[Verdict] | None, Query()] = None,
    q: Annotated[str, Query(max_length=255, description="Part of an image's name.")] = "",
    everything: Annotated[bool, Query(description="Also what nobody wants any more.")] = False,  # noqa: FBT002 - FastAPI passes it by name
) -> Shown:
    """Read the filters of a list."""
    return Shown(project, policy, cluster, tuple(verdict or ()), q.strip(), everything)


@router.get("/placements/{placement_id}", operation_id="read_placement")
def read_placement(
    reader: ReaderDep, placement_id: Annotated[int, Path(ge=1, lt=1 << 63)]
) -> Placement:
    """Read one placement."""
    found = open_ledger().overview.placement(placement_id, reader.seen)
    if found is None:
        raise Refusal(HTTPStatus.NOT_FOUND, f"There is no placement {placement_id}.")
    return Placement.of(found)
