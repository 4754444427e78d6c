"""Attempts: the times that we asked for a placement, and what was found then."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus

from fastapi import APIRouter
from pydantic import BaseModel, Field

from preheat.provider.config import open_ledger
from preheat.verdict import Verdict
from preheat.web.access import ReaderDep
from preheat.web.api.asking import CheckedRoute, Id
from preheat.web.contract import PROBLEMS, Told
from preheat.web.paging import Next
from preheat.web.refusing import Refusal

__all__ = ["Attempt", "AttemptPage", "AttemptRow", "router"]

router = APIRouter(tags=["attempts"], responses=PROBLEMS, route_class=CheckedRoute)


class Run(Told):
    """The task instance that drives an attempt; others may have joined it."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int


class Layer(Told):
    """An expected blob that is not where it should be."""

    digest: str
    size: int
    hosts: list[str] = Field(description="That lack it; empty when no host is known.")
    words: str = Field(description="Why, in the other system's words.")
    is_final: bool = Field(description="Whether asking again cannot bring it.")


class Host(Told):
    """How many of the expected blobs a host holds."""

    host: str
    layers: int
    bytes: int


class Finding(Told):
    """What a verdict rests on; every figure was counted."""

    verdict: Verdict
    layers_expected: int
    layers_warm: int
    bytes_expected: int
    bytes_warm: int
    missing: list[Layer]
    tolerated: list[Layer]
    hosts: list[Host]
    hosts_warm: int
    hosts_expected: int | None = Field(description="null: unknown; 0: the scope asks for none.")
    min_hosts: str
    proof: str = Field(examples=["layers", "peers"])
    words: str


class AttemptRow(Told):
    """One time that we asked for a placement."""

    id: int
    placement_id: int
    run: Run
    opened_at: datetime
    asked_at: datetime | None
    job_id: int | None = Field(description="Of Dragonfly.")
    closed_at: datetime | None = Field(description="null while it is open.")
    verdict: Verdict | None
    seconds: float | None = Field(description="From asking to the verdict.")
    words: str
    note: str


class Attempt(AttemptRow):
    """One time that we asked for a placement, with all that was found."""

    finding: Finding | None


class AttemptPage(BaseModel):
    """A page of attempts, the newest first."""

    attempts: list[AttemptRow]
    next: Next


@router.get("/attempts/{attempt_id}", operation_id="read_attempt", summary="Read one attempt")
def read_attempt(reader: ReaderDep, attempt_id: Id) -> Attempt:
    """Tell which layers were found missing on which hosts, and why."""
    found = open_ledger().overview.attempt(attempt_id, reader.seen)
    if found is None:
        raise Refusal(HTTPStatus.NOT_FOUND, f"There is no attempt {attempt_id}.")
    return Attempt.model_validate(found)
