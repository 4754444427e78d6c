"""Health: what the doctor saw last."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus

from fastapi import APIRouter
from pydantic import BaseModel, Field

from preheat.doctor import State
from preheat.provider.config import open_ledger
from preheat.web.access import UPKEEP_DAG, ReaderDep
from preheat.web.api.asking import CheckedRoute
from preheat.web.contract import PROBLEMS, Told
from preheat.web.refusing import Refusal

__all__ = ["router"]

router = APIRouter(tags=["health"], responses=PROBLEMS, route_class=CheckedRoute)


class DoctorRun(Told):
    """The run whose doctor looked."""

    dag_id: str
    run_id: str


class Observation(BaseModel):
    """One thing that the doctor looked at."""

    about: str
    check: str
    state: State = Field(description="How it stands.")
    detail: str
    advice: str = Field(description="What to do.")


class Health(Told):
    """An examination by the doctor."""

    seen_at: datetime
    run: DoctorRun
    observations: list[Observation]


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
