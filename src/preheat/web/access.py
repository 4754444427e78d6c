"""Who may see and do what: Airflow's own permissions on our DAGs, and nothing beside them.

A person sees what plans of the DAGs that he may read have named; he starts a run where he may start
one of that DAG. (``AuthManagerDep`` and ``ReadableDagsFilterDep`` fail in a mounted app, so the
auth manager is asked itself.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.models.dag import DagModel
from airflow.utils.session import create_session
from fastapi import Depends
from sqlalchemy import or_, select

from preheat.plan import IMAGES_PLAN, UPKEEP_PLAN, VERIFY_PLAN
from preheat.provider.config import open_ledger
from preheat.web.refusing import Refusal

__all__ = [
    "EVENTS_DAG",
    "IMAGES_DAG",
    "OURS",
    "POLICY_DAG",
    "UPKEEP_DAG",
    "VERIFY_DAG",
    "Reader",
    "ReaderDep",
    "may_run",
    "require_run",
    "runner_of",
]

IMAGES_DAG = IMAGES_PLAN  # the DAGs that no policy makes are named as their plans are
UPKEEP_DAG = UPKEEP_PLAN
VERIFY_DAG = VERIFY_PLAN
EVENTS_DAG = "preheat_events"
OURS = "preheat_"
"""How the ids of our DAGs begin."""
POLICY_DAG = "preheat__"
"""How the ids of the DAGs begin that policies make; the policy's name follows."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who is logged in to Airflow, and what of ours he may see.

    :param dag_ids: the DAGs of ours, and those that ever planned something, that he may read.
    :param sees_all: whether these are all there are.
    """

    user: BaseUser
    dag_ids: frozenset[str]
    sees_all: bool

    @property
    def seen(self) -> frozenset[str] | None:
        """What to ask the ledger for; None for all."""
        return None if self.sees_all else self.dag_ids

    def may_read(self, dag_id: str) -> bool:
        """Tell whether he may read this DAG of ours."""
        return dag_id in self.dag_ids

    def require(self, dag_id: str) -> None:
        """Refuse who may not read this DAG.

        :raises Refusal: 403.
        """
        if not self.may_read(dag_id):
            raise _forbidden(f"You may not read the DAG {dag_id}, which this rests on.")


def _reader(user: GetUserDep) -> Reader:
    """Find out what somebody may see.

    :raises Refusal: 403 where that is nothing.
    """
    planned = open_ledger().overview.dag_ids()
    with create_session() as session:
        ours = or_(DagModel.dag_id.startswith(OURS, autoescape=True), DagModel.dag_id.in_(planned))
        known = set(session.scalars(select(DagModel.dag_id).where(ours)))
        readable = get_auth_manager().get_authorized_dag_ids(
            user=user, method="GET", session=session
        )
    found = known & readable
    if not found:
        raise _forbidden(
            "You may read none of Preheat's DAGs; ask whoever gives rights in Airflow."
        )
    return Reader(user, frozenset(found), sees_all=known <= readable)


ReaderDep = Annotated[Reader, Depends(_reader)]


def may_run(user: BaseUser, dag_id: str) -> bool:
    """Tell whether somebody may start a run of a DAG."""
    return get_auth_manager().is_authorized_dag(
        method="POST",
        access_entity=DagAccessEntity.RUN,
        details=DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id)),
        user=user,
    )


def runner_of(dag_id: str) -> Callable[..., None]:
    """Make the check of a route that starts a run of this DAG; refuses with 403."""

    def check(user: GetUserDep) -> None:
        require_run(user, dag_id)

    return check


def require_run(user: BaseUser, dag_id: str) -> None:
    """Refuse who may not start a run of a DAG.

    :raises Refusal: 403.
    """
    if not may_run(user, dag_id):
        raise _forbidden(f"You may not start runs of the DAG {dag_id}.")


def _forbidden(detail: str) -> Refusal:
    return Refusal(HTTPStatus.FORBIDDEN, detail)
