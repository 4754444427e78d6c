"""Coverage in numbers: how much is warm where, now and over time."""

from __future__ import annotations

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from preheat.provider.config import open_ledger
from preheat.verdict import Verdict
from preheat.web.access import ReaderDep
from preheat.web.api.asking import CheckedRoute
from preheat.web.api.placements import ShownDep
from preheat.web.contract import PROBLEMS, Told
from preheat.web.refusing import Refusal

__all__ = ["router"]

router = APIRouter(
    prefix="/coverage", tags=["coverage"], responses=PROBLEMS, route_class=CheckedRoute
)


class Count(Told):
    """How many placements of a cluster stand how."""

    cluster: str
    verdict: Verdict
    placements: int
    bytes: int = Field(description="Of those whose manifest was read.")


class CountList(BaseModel):
    """Counts of what was asked for, by cluster and verdict."""

    counts: list[Count]


class Tally(Count):
    """How many of the wanted placements stood how, at one moment."""

    taken_at: datetime


class Trend(BaseModel):
    """What was counted, the oldest first."""

    tallies: list[Tally]


@router.get("/counts", operation_id="count_placements", summary="Count placements")
def count_placements(reader: ReaderDep, shown: ShownDep) -> CountList:
    """Count what is wanted warm now, by cluster and verdict."""
    found = open_ledger().overview.counts(shown, seen=reader.seen)
    return CountList(counts=[Count.model_validate(one) for one in found])


@router.get("/trend", operation_id="read_trend", summary="Read how coverage went")
def read_trend(
    reader: ReaderDep,
    days: Annotated[int, Query(ge=1, le=400, description="How far back.")] = 30,
) -> Trend:
    """Tell how much was warm where; counted over all policies, so for who may read them all."""
    if not reader.sees_all:
        raise Refusal(
            HTTPStatus.FORBIDDEN,
            "The trend counts over all of Preheat's DAGs, and you may not read all of them.",
        )
    ledger = open_ledger()
    found = ledger.upkeep.tallies(ledger.upkeep.now() - timedelta(days=days))
    return Trend(tallies=[Tally.model_validate(one) for one in found])
