"""What a page can start: warm an image now, look again now, plan a policy now. Each is a run."""

from __future__ import annotations

from collections import defaultdict
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response

from preheat.placement import Scope
from preheat.provider.config import open_ledger
from preheat.web.access import IMAGES_DAG, VERIFY_DAG, ReaderDep, require_run, runner_of
from preheat.web.airflowcalls import AirflowCallsDep
from preheat.web.api.policies import PolicyName
from preheat.web.crosssite import not_from_another_site
from preheat.web.pages.image import NamedDep, show_state
from preheat.web.pages.policies import dag_of
from preheat.web.pages.showing import Addresses, show
from preheat.web.pages.watching import Watched, WatchedRuns
from preheat.web.refusing import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from preheat.ledger import Cell

__all__ = ["router"]

router = APIRouter(dependencies=[Depends(not_from_another_site)], include_in_schema=False)

_QUEUED = "queued"
_MOST_TEXT = 20_000
_BY_PAGE = "from the page"

Text = Annotated[str, Form(max_length=_MOST_TEXT)]
Chosen = Annotated[list[str] | None, Form(max_length=200)]


@router.post("/warm", dependencies=[Depends(runner_of(IMAGES_DAG))])
async def warm_typed(  # noqa: PLR0917 - the fields of a form
    request: Request,
    _: ReaderDep,
    calls: AirflowCallsDep,
    images: Text = "",
    clusters: Chosen = None,
    platforms: Chosen = None,
    scope: Annotated[Scope, Form()] = Scope.ALL_SEED_PEERS,
    registry: Text = "",
    reason: Text = "",
) -> Response:
    """Start a run for typed images, and go to it."""
    wrong = []
    if not images.strip():
        wrong.append("Name at least one image, such as library/app:1.2.")
    if not clusters:
        wrong.append("Choose at least one cluster.")
    if wrong:
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, " ".join(wrong))
    conf: dict[str, Any] = {
        "images": images.strip(),
        "clusters": clusters,
        "platforms": platforms or [],
        "scope": scope.value,
        **({"registry": registry} if registry else {}),
        "reason": reason or None,
    }
    run_id = await calls.start_run(IMAGES_DAG, conf, reason)
    return _go_to_run(request, IMAGES_DAG, run_id)


@router.post("/image/warm", dependencies=[Depends(runner_of(IMAGES_DAG))])
async def warm_image(
    request: Request,
    reader: ReaderDep,
    calls: AirflowCallsDep,
    named: NamedDep,
    clusters: Chosen = None,
) -> Response:
    """Ask for an image again on the clusters that it was planned for, or some of them."""
    cells = _cells(reader.seen, named.repository, named.digest)
    wanted = [c for c in cells if not clusters or c.placement.key.cluster in clusters]
    if not wanted:
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "It was planned for none of these clusters.")
    runs = []
    for conf in _confs(wanted):
        run_id = await calls.start_run(IMAGES_DAG, conf, _BY_PAGE)
        runs.append(Watched(IMAGES_DAG, run_id, _QUEUED))
    return await show_state(request, reader, named, WatchedRuns(tuple(runs)))


@router.post("/image/verify", dependencies=[Depends(runner_of(VERIFY_DAG))])
async def verify_image(
    request: Request,
    reader: ReaderDep,
    calls: AirflowCallsDep,
    named: NamedDep,
) -> Response:
    """Ask the peers what they hold of an image; nothing is heated."""
    cells = _cells(reader.seen, named.repository, named.digest)
    conf = {"placements": [cell.placement.id for cell in cells], "reason": _BY_PAGE}
    run_id = await calls.start_run(VERIFY_DAG, conf, _BY_PAGE)
    watched = WatchedRuns((Watched(VERIFY_DAG, run_id, _QUEUED),))
    return await show_state(request, reader, named, watched)


@router.post("/policies/{name}/plan")
async def plan_policy(
    request: Request, reader: ReaderDep, user: GetUserDep, calls: AirflowCallsDep, name: PolicyName
) -> Response:
    """Plan a policy and ask no cluster for anything."""
    dag_id = dag_of(name)
    reader.require(dag_id)
    require_run(user, dag_id)
    run_id = await calls.start_run(dag_id, {"dry_run": True}, _BY_PAGE)
    watched = Watched(dag_id, run_id, _QUEUED)
    return show(request, "planning.html", name=name, run=watched, plan=None, is_over=False)


def _cells(seen: frozenset[str] | None, repository: str, digest: str) -> list[Cell]:
    found = open_ledger().overview.placements_of(repository, digest, seen)
    if not found:
        raise Refusal(HTTPStatus.NOT_FOUND, f"No plan has named {repository}@{digest}.")
    return found


def _confs(cells: Iterable[Cell]) -> list[dict[str, Any]]:
    """Make one form for each scope and registry: a form has one of each."""
    groups: dict[tuple[str, str, str], list[Cell]] = defaultdict(list)
    for cell in cells:
        placement = cell.placement
        key = (placement.key.scope.value, placement.settings.registry, placement.key.platform)
        groups[key].append(cell)
    return [
        {
            "images": f"{group[0].placement.key.repository}@{group[0].placement.key.digest}",
            "clusters": sorted({cell.placement.key.cluster for cell in group}),
            "platforms": [platform] if platform else [],
            "scope": scope,
            "registry": registry,
            "reason": _BY_PAGE,
        }
        for (scope, registry, platform), group in groups.items()
    ]


def _go_to_run(request: Request, dag_id: str, run_id: str) -> Response:
    address = Addresses.of(request).to("/run", dag_id=dag_id, run_id=run_id)
    headers = {"HX-Redirect": address}
    return Response(status_code=HTTPStatus.NO_CONTENT.value, headers=headers)
