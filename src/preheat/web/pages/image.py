"""One image: how it stands on each cluster, layer by layer, what was asked and what came of it."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from preheat.plan import Disposition
from preheat.provider.config import open_ledger
from preheat.web.access import EVENTS_DAG, IMAGES_DAG, VERIFY_DAG, Reader, ReaderDep, may_run
from preheat.web.airflowcalls import AirflowCallsDep
from preheat.web.pages import imagestate
from preheat.web.pages.linking import harbor_links, job_links
from preheat.web.pages.showing import show
from preheat.web.pages.watching import Watched, WatchedRuns, read_watched
from preheat.web.refusing import Refusal

__all__ = ["Named", "NamedDep", "router", "show_state"]

router = APIRouter()

_EVENTS = 20


class Named:
    """The image that an address names.

    :param repository: project and repository.
    :param digest: of one platform's manifest.
    """

    def __init__(
        self,
        repository: Annotated[str, Query(min_length=1, max_length=255)],
        digest: Annotated[str, Query(min_length=1, max_length=160)],
    ) -> None:
        self.repository = repository
        self.digest = digest


NamedDep = Annotated[Named, Depends()]


@router.get("/image", include_in_schema=False)
async def show_image(
    request: Request,
    reader: ReaderDep,
    named: NamedDep,
    calls: AirflowCallsDep,
    watch: Annotated[list[str] | None, Query()] = None,
) -> Response:
    """Show all that is known of an image."""
    going_on = await asyncio.to_thread(_unasked, reader, named)
    watched = await read_watched(calls, reader, [*(watch or ()), *going_on])
    if not watch:  # nobody came here for runs that have ended
        watched = watched.open_ones
    return await asyncio.to_thread(_show, request, reader, named, watched, "image.html")


@router.get("/image/now", include_in_schema=False)
async def show_image_now(
    request: Request,
    reader: ReaderDep,
    named: NamedDep,
    calls: AirflowCallsDep,
    watch: Annotated[list[str] | None, Query()] = None,
    mark: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """Show what has changed since somebody looked; nothing where nothing has."""
    watched = await read_watched(calls, reader, watch)
    return await asyncio.to_thread(
        _show, request, reader, named, watched, "image_state.html", mark=mark
    )


async def show_state(
    request: Request, reader: Reader, named: Named, watched: WatchedRuns
) -> Response:
    """Show how an image stands, and that runs are watched."""
    return await asyncio.to_thread(_show, request, reader, named, watched, "image_state.html")


def _show(
    request: Request,
    reader: Reader,
    named: Named,
    watched: WatchedRuns,
    template: str,
    *,
    mark: str = "",
) -> Response:
    ledger = open_ledger()
    cells = ledger.overview.placements_of(named.repository, named.digest, reader.seen)
    if not cells:
        raise Refusal(
            HTTPStatus.NOT_FOUND,
            f"No plan that you may see has named {named.repository}@{named.digest}.",
        )
    state = imagestate.read(ledger, request.app.state.looks, cells, reader.seen)
    if mark and mark == state.mark_with(watched):
        return Response(status_code=HTTPStatus.NO_CONTENT.value)
    placements = {cell.placement.id: cell.placement for cell in cells}
    model: dict[str, Any] = {
        "now": state.now,
        "named": named,
        "state": state,
        "watched": watched,
        "mark": state.mark_with(watched),
        "is_live": state.is_open or watched.is_open,
        "jobs": job_links(ledger, state.attempts, placements),
        "may_warm": may_run(reader.user, IMAGES_DAG),
        "may_verify": may_run(reader.user, VERIFY_DAG) and VERIFY_DAG in reader.dag_ids,
        "Watched": Watched,
    }
    if template == "image.html":
        model |= {
            "harbors": harbor_links(ledger, placements.values()),
            "items": ledger.overview.items(list(placements), seen=reader.seen, limit=50),
            "events": _events(reader, named),
        }
    return show(request, template, **model)


def _unasked(reader: Reader, named: Named) -> list[str]:
    """Name the latest run that plans to ask for it and has not yet: it may still go on."""
    overview = open_ledger().overview
    cells = overview.placements_of(named.repository, named.digest, reader.seen)
    items = overview.items([cell.placement.id for cell in cells], seen=reader.seen, limit=1)
    return [
        f"{item.dag_id}/{item.run_id}"
        for _, item in items
        if item.disposition == Disposition.ASK and item.attempt_id is None
    ]


def _events(reader: Reader, named: Named) -> list[object] | None:
    """Read what happened in its repository, the newest first; None for whoever may not see that."""
    if not reader.may_read(EVENTS_DAG):
        return None
    found = open_ledger().inbox.recent(repository=named.repository, limit=_EVENTS)
    return list(reversed(found))
