"""Health: what the doctor saw last."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from pydantic import Field

from preheat.provider.config import open_ledger
from preheat.web.access import UPKEEP_DAG, ReaderDep
from preheat.web.api.asking import CheckedRoute
from preheat.web.contract import PROBLEMS, Told
from preheat.web.refusing import Refusal

__all__ = ["router"]

router = APIRouter(tags=["health"], responses=PROBLEMS, route_class=CheckedRoute)


class Health(Told):
    """An examination by the doctor."""

    seen_at: datetime
    dag_id: str
    run_id: str
    observations: list[dict[str, Any]] = Field(
        description="Each thing that was looked at, how it stands, and what to do."
    )


@router.get("/health", operation_id="read_health", summary="Read the last examination")
def read_health(reader: ReaderDep) -> Health:
    """Tell what the doctor saw last; for who may read `preheat_upkeep`."""
    reader.require(UPKEEP_DAG)
    found = open_ledger().upkeep.last_examination()
    if found is None:
        raise Refusal(
            HTTPStatus.NOT_FOUND, "The doctor has looked at nothing so far: run preheat_upkeep."
        )
    return Health.model_validate(found)
