"""Runs of our DAGs, a page at a time, as Airflow tells of them to whoever asks."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from preheat.web.access import OURS
from preheat.web.paging import not_of_this_list, read_cursor, write_cursor
from preheat.web.refusing import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from preheat.web.access import Reader
    from preheat.web.airflowcalls import AirflowCalls

__all__ = ["page_of_runs", "run_path"]


async def page_of_runs(
    calls: AirflowCalls,
    reader: Reader,
    *,
    dag_id: str = "",
    state: str = "",
    cursor: str = "",
    limit: int = 25,
) -> tuple[Sequence[Mapping[str, Any]], str | None]:
    """Read a page of runs, the newest first, and where the next one begins.

    :param dag_id: of one DAG; "" for all of ours.
    :param state: Airflow's word; "" for all.
    :raises Refusal: 404 for a DAG that is none of ours, or that one may not read.
    """
    if dag_id and not reader.may_read(dag_id):
        raise Refusal(HTTPStatus.NOT_FOUND, "There is no such DAG of Preheat's.")
    path = f"/dags/{quote(dag_id, safe='')}/dagRuns" if dag_id else "/dags/~/dagRuns"
    which: dict[str, Any] = {} if dag_id else {"dag_id_prefix_pattern": OURS}
    if state:
        which["state"] = [state]
    key = read_cursor(cursor, str)
    try:
        told = await calls.get(
            path, order_by="-run_after", limit=limit, cursor=key[0] if key else "", **which
        )
    except Refusal as refusal:
        if refusal.status is HTTPStatus.BAD_REQUEST and key:
            raise not_of_this_list() from None
        raise
    after = told["next_cursor"]
    return told["dag_runs"], write_cursor([after] if after else None)


def run_path(dag_id: str, run_id: str) -> str:
    """Give the path of a run in Airflow's API."""
    return f"/dags/{quote(dag_id, safe='')}/dagRuns/{quote(run_id, safe='')}"
