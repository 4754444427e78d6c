"""What the doctor needs of Airflow: connections opened, pools and configuration read."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

import airflow
import requests
from airflow.sdk.configuration import conf
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from preheat import __version__
from preheat.doctor import AirflowSide, Pool, Setup, attempted
from preheat.ledger import Ledger
from preheat.policy.folder import load_folder
from preheat.policy.loader import load_clusters, read_text
from preheat.provider.config import ledger_url
from preheat.provider.outside import (
    airflow_url,
    dragonfly_driver,
    harbor_client,
    has_database,
    has_webhook_authorization,
)
from preheat.transport import Transport, harden

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from preheat.policy.model import Clusters

__all__ = ["airflow_side", "setup_of"]

_HEALTH = "/api/v2/monitor/health"


def setup_of(include: Path, url: str = "") -> Setup:
    """Gather all that there is to look at; what cannot be had becomes an observation later.

    Works for the command and in a task, where Airflow's own database cannot be seen. Everything
    that talks to Airflow happens here, in the calling thread.

    :param include: folder with ``clusters.yaml`` and ``policies/``.
    :param url: of the ledger; by default what Airflow's configuration says.
    :raises ProblemsError: when the clusters or the folder of policies cannot be read.
    """
    file = include / "clusters.yaml"
    clusters = load_clusters(read_text(file), str(file))
    drivers = {cluster.connection: cluster.driver for cluster in clusters}
    return Setup(
        clusters=clusters,
        policies=tuple(load_folder(include / "policies", clusters)),
        harbors={name: attempted(partial(harbor_client, name)) for name in _harbors(clusters)},
        drivers={
            conn_id: attempted(partial(dragonfly_driver, conn_id, driver))
            for conn_id, driver in drivers.items()
        },
        ledger=attempted(lambda: Ledger.at(url or ledger_url())),
        airflow=airflow_side(),
        version=__version__,
        webhooks={
            name: attempted(partial(has_webhook_authorization, name)) for name in _harbors(clusters)
        },
    )


def _harbors(clusters: Clusters) -> list[str]:
    """Name every registry that a cluster pulls from, each once."""
    return list(dict.fromkeys(name for cluster in clusters for name in cluster.pull_endpoints))


def airflow_side() -> AirflowSide:
    """Read what matters of Airflow: version, pools, DAGs, what runs, how much is followed."""
    return AirflowSide(
        version=airflow.__version__,
        pools=_pools(),
        triggerer_capacity=conf.getint("triggerer", "capacity", fallback=1000),
        health=attempted(partial(_health, url)) if (url := airflow_url()) else None,
        paused=_paused(),
    )


def _health(url: str) -> dict[str, str | None]:
    """Ask the API server how Airflow's parts are; that needs no login.

    :raises RemoteError: it does not answer, or something else does.
    """
    transport = Transport(
        harden(requests.Session()), url, system="Airflow", connect_timeout=3, total_timeout=6
    )
    answer = transport.send("GET", _HEALTH)
    if answer.status != HTTPStatus.OK:
        raise transport.error_of(answer)
    parts = answer.json()
    if not isinstance(parts, dict) or not all(isinstance(part, dict) for part in parts.values()):
        raise answer.unexpected("the health of its parts")
    return {str(name): _state(part.get("status")) for name, part in parts.items()}


def _state(status: object) -> str | None:
    return None if status is None else str(status)


def _pools() -> Mapping[str, Pool] | None:
    """Read the pools; None where Airflow's database is out of reach, as for every task."""
    if not has_database():
        return None
    from airflow.models.pool import Pool as Stored  # noqa: PLC0415 - opens the database

    try:
        return {
            str(pool.pool): Pool(pool.slots, pool.include_deferred) for pool in Stored.get_pools()
        }
    except (SQLAlchemyError, RuntimeError):  # a task's process forbids its use
        return None


def _paused() -> Mapping[str, bool] | None:
    """Read which of our DAGs are paused; None where Airflow's database is out of reach."""
    if not has_database():
        return None
    from airflow.models.dag import DagModel  # noqa: PLC0415 - opens the database
    from airflow.utils.session import create_session  # noqa: PLC0415 - as above

    ours = DagModel.dag_id.startswith("preheat_", autoescape=True)
    try:
        with create_session() as session:
            query = select(DagModel.dag_id, DagModel.is_paused)
            rows = session.execute(query.where(ours, DagModel.is_stale.is_(False)))
            return {str(dag_id): bool(is_paused) for dag_id, is_paused in rows}
    except (SQLAlchemyError, RuntimeError):  # as for the pools
        return None
