"""Events: what happened in a Harbor, and what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from preheat.event import EventKind, EventSource
from preheat.ledger import StoredEvent
from preheat.provider.config import open_ledger
from preheat.web.access import EVENTS_DAG, Reader, ReaderDep
from preheat.web.api.asking import CheckedRoute, NameParameter, TextParameter
from preheat.web.contract import PROBLEMS, Told
from preheat.web.paging import Cursor, Limit, Next, read_cursor, write_cursor

__all__ = ["router"]

router = APIRouter(prefix="/events", tags=["events"], responses=PROBLEMS, route_class=CheckedRoute)


class Outcome(Told):
    """What one policy made of an event."""

    policy: str
    words: str
    plan_id: int | None


class Event(BaseModel):
    """Something that happened in a Harbor, as somebody told of it."""

    id: int
    registry: str = Field(description="Airflow connection of the Harbor.")
    kind: EventKind
    repository: str
    digest: str
    tag: str
    operator: str
    occurred_at: datetime | None = Field(description="By Harbor's clock.")
    received_at: datetime
    due_at: datetime
    sources: list[EventSource] = Field(description="The ways by which it was told.")
    repeats: int
    handled_at: datetime | None = Field(description="null while it waits.")
    dag_id: str
    run_id: str = Field(description="Of the run that took it up.")
    outcomes: list[Outcome]
    words: str = Field(description="Why no policy ran.")

    @classmethod
    def of(cls, stored: StoredEvent) -> Event:
        """Take it from the ledger."""
        told = stored.event
        return cls(
            id=stored.id,
            registry=told.registry,
            kind=told.kind,
            repository=told.repository,
            digest=told.digest,
            tag=told.tag,
            operator=told.operator,
            occurred_at=told.occurred_at,
            received_at=stored.received_at,
            due_at=stored.due_at,
            sources=list(stored.sources),
            repeats=stored.repeats,
            handled_at=stored.handled_at,
            dag_id=stored.dag_id,
            run_id=stored.run_id,
            outcomes=[Outcome.model_validate(one) for one in stored.outcomes],
            words=stored.words,
        )


class EventPage(BaseModel):
    """A page of events, the newest first."""

    events: list[Event]
    next: Next


class Ignored(Told):
    """How often a Harbor told what nothing listens to."""

    registry: str
    type: str = Field(description="Harbor's own word.")
    count: int
    last_at: datetime


class IgnoredList(BaseModel):
    """What came and was only counted."""

    ignored: list[Ignored]


@router.get("", operation_id="list_events", summary="List events")
def list_events(
    reader: ReaderDep,
    registry: NameParameter = "",
    repository: TextParameter = "",
    handled: Annotated[bool | None, Query(description="Taken up by a run, or waiting.")] = None,
    cursor: Cursor = "",
    limit: Limit = 50,
) -> EventPage:
    """Read a page of events, the newest first; for who may read `preheat_events`."""
    _require(reader)
    key = read_cursor(cursor, int)
    found = open_ledger().inbox.recent(
        before_id=key[0] if key else 0,
        limit=limit + 1,
        registry=registry,
        repository=repository,
        handled=handled,
    )
    newest_first = found[::-1]
    rows = newest_first[:limit]
    more = [rows[-1].id] if len(newest_first) > limit else None
    return EventPage(events=[Event.of(one) for one in rows], next=write_cursor(more))


@router.get("/ignored", operation_id="list_ignored_events", summary="Count ignored events")
def list_ignored_events(reader: ReaderDep, registry: NameParameter = "") -> IgnoredList:
    """Tell how often came what nothing listens to; for who may read `preheat_events`."""
    _require(reader)
    found = open_ledger().inbox.ignored(registry)
    return IgnoredList(ignored=[Ignored.model_validate(one) for one in found])


def _require(reader: Reader) -> None:
    reader.require(EVENTS_DAG)
