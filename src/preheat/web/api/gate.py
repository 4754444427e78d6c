"""The gate for deployments: 200 if an image is warm there, as last proved; else never."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from preheat.artifact import Child
from preheat.harbor.reference import ImageReference
from preheat.placement import Scope
from preheat.policy.model import Cluster
from preheat.provider.config import open_ledger
from preheat.verdict import Verdict
from preheat.web.access import Reader, ReaderDep
from preheat.web.api.asking import CheckedRoute, NameParameter
from preheat.web.api.placements import Placement
from preheat.web.contract import PROBLEMS, RefusalBody, Told
from preheat.web.gating import Against, Gate, Standing, images_of, look_up, standing
from preheat.web.hindsight import wanted_image
from preheat.web.refusing import MEDIA_TYPE, Refusal

__all__ = ["router"]

_MOST_SECONDS = 366 * 24 * 3600


class Manifest(Told):
    """A platform's manifest that was looked at."""

    digest: str
    platform: str = Field(description="Empty where Harbor tells none.")


class Warm(BaseModel):
    """That an image is warm there, and what that rests on."""

    image: str
    cluster: str
    images: list[Manifest]
    checked_at: datetime = Field(description="Of the oldest proof.")
    warm_since: datetime = Field(description="Since when all of it is.")
    placements: list[Placement]


class NotWarm(BaseModel):
    """One thing that stands against it."""

    placement: int | None = Field(description="null where none was ever planned.")
    digest: str
    platform: str
    scope: Scope | None
    verdict: Verdict | None
    since: datetime | None = Field(description="When that was found.")
    words: str
    advice: str = Field(description="What to do.")


class NotWarmBody(RefusalBody):
    """That an image is not warm there, or not known to be."""

    image: str
    cluster: str
    images: list[Manifest]
    not_warm: list[NotWarm]


router = APIRouter(tags=["gate"], responses=PROBLEMS, route_class=CheckedRoute)


@router.get(
    "/warm",
    operation_id="check_warm",
    summary="Ask whether an image is warm",
    responses={
        409: {
            "description": "It is not warm there: `not_warm` says what stands against it.",
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/NotWarmBody"}}},
        }
    },
)
async def check_warm(
    reader: ReaderDep,
    *,
    image: Annotated[
        str,
        Query(
            min_length=1,
            max_length=500,
            description="A tag or an index is looked up in Harbor; a manifest's digest is not.",
            examples=["library/hello:1.0"],
        ),
    ],
    cluster: Annotated[NameParameter, Query(min_length=1, examples=["eu-1"])],
    scope: Annotated[Scope | None, Query(description="By default all that is wanted.")] = None,
    platform: Annotated[NameParameter, Query(description="By default the cluster's own.")] = "",
    registry: Annotated[
        NameParameter, Query(description="Airflow connection; by default the cluster's first.")
    ] = "",
    max_age: Annotated[
        int | None, Query(ge=1, le=_MOST_SECONDS, description="Seconds; how old a proof may be.")
    ] = None,
) -> Warm:
    """Answer 200 if every platform's manifest is WARM there as last proved; 409 if not."""
    wanted = wanted_image(image)
    entry = await run_in_threadpool(_entry, reader, cluster)
    gate = Gate(
        wanted,
        entry,
        registry=_registry(entry, registry),
        scope=scope or "",
        platform=platform,
        max_age=timedelta(seconds=max_age) if max_age else None,
    )
    manifests = await run_in_threadpool(_planned, reader, wanted)
    if not manifests:
        manifests = images_of(gate, await look_up(wanted, gate.registry))
    found = await run_in_threadpool(standing, open_ledger(), gate, manifests, reader.seen)
    if found.against or not found.cells:
        raise _not_warm(gate, found)
    return _warm(gate, found)


def _entry(reader: Reader, cluster: str) -> Cluster:
    """Find the cluster.

    :raises Refusal: 404.
    """
    for entry in open_ledger().overview.clusters(reader.seen):
        if entry["name"] == cluster:
            return Cluster.from_data(entry)
    raise Refusal(HTTPStatus.NOT_FOUND, "No plan that you may see has used such a cluster lately.")


def _registry(entry: Cluster, named: str) -> str:
    """Choose the Harbor; only one that the cluster pulls from may be asked.

    :raises Refusal: 422.
    """
    known = tuple(entry.pull_endpoints)
    if named and named not in known:
        message = f"{entry.name} pulls from {', '.join(known) or 'no registry'}"
        raise Refusal(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"query.registry: {message}",
            more={"problems": [{"path": "query.registry", "message": message}]},
        )
    return named or next(iter(known), "")


def _planned(reader: Reader, wanted: ImageReference) -> Sequence[Child]:
    """Give the manifest whose digest somebody named, if one was ever planned.

    :raises Refusal: 404 for a repository of which the reader may not know.
    """
    overview = open_ledger().overview
    if wanted.digest:
        cells = overview.placements_of(wanted.full_name, wanted.digest, reader.seen)
        if cells:
            return [Child(wanted.digest, cells[0].placement.key.platform)]
    # Harbor answers us, not the reader: he may not learn of what he sees nothing of.
    if not reader.sees_all and not overview.has_repository(wanted.full_name, reader.seen):
        raise Refusal(HTTPStatus.NOT_FOUND, "No plan that you may see names that repository.")
    return []


def _warm(gate: Gate, found: Standing) -> Warm:
    stored = [cell.placement for cell in found.cells]
    return Warm(
        image=str(gate.image),
        cluster=gate.cluster.name,
        images=[Manifest.model_validate(one) for one in found.images],
        checked_at=min(one.checked_at for one in stored if one.checked_at),
        warm_since=max(one.warm_since for one in stored if one.warm_since),
        placements=[Placement.of(cell) for cell in found.cells],
    )


def _not_warm(gate: Gate, found: Standing) -> Refusal:
    where = gate.cluster.name
    rows = [_row(one) for one in found.against]
    words = "; ".join(f"{one.digest[:19]} {one.platform}: {one.words}" for one in found.against)
    if not found.images:
        wanted = gate.platform or ", ".join(gate.cluster.platforms)
        words = f"it has no image for {wanted}"
    more: dict[str, Any] = {
        "image": str(gate.image),
        "cluster": where,
        "images": [Manifest.model_validate(one).model_dump() for one in found.images],
        "not_warm": rows,
    }
    detail = f"{gate.image} is not warm on {where}: {words}."
    return Refusal(HTTPStatus.CONFLICT, detail, more=more)


def _row(one: Against) -> dict[str, Any]:
    stored = one.cell.placement if one.cell else None
    return NotWarm(
        placement=stored.id if stored else None,
        digest=one.digest,
        platform=one.platform,
        scope=stored.key.scope if stored else None,
        verdict=stored.verdict if stored else None,
        since=one.since,
        words=one.words,
        advice=one.advice,
    ).model_dump(mode="json")
