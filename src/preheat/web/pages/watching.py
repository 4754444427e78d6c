"""Runs that somebody started from a page, and how they stand; the page asks until all have ended.

They stand in the page's address as ``<DAG>/<run>``, so that nothing need be remembered here.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from preheat.web.refusing import Refusal
from preheat.web.runlist import run_path

if TYPE_CHECKING:
    from collections.abc import Iterable

    from preheat.web.access import Reader
    from preheat.web.airflowcalls import AirflowCalls

__all__ = ["ENDED", "Watched", "WatchedRuns", "read_watched"]

ENDED = frozenset({"success", "failed"})
_MOST = 10


@dataclass(frozen=True, slots=True)
class Watched:
    """One run.

    :param state: Airflow's word; "" where Airflow knows no such run.
    """

    dag_id: str
    run_id: str
    state: str

    @property
    def is_open(self) -> bool:
        """Whether it goes on."""
        return self.state not in ENDED and bool(self.state)

    @property
    def name(self) -> str:
        """As it stands in an address."""
        return f"{self.dag_id}/{self.run_id}"


@dataclass(frozen=True, slots=True)
class WatchedRuns:
    """All that one page watches."""

    runs: tuple[Watched, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether one of them goes on."""
        return any(run.is_open for run in self.runs)

    @property
    def open_ones(self) -> WatchedRuns:
        """Those that go on."""
        return WatchedRuns(tuple(run for run in self.runs if run.is_open))

    @property
    def names(self) -> list[str]:
        """As they stand in an address."""
        return [run.name for run in self.runs]

    @property
    def states(self) -> tuple[str, ...]:
        """How they stand."""
        return tuple(run.state for run in self.runs)


async def read_watched(
    calls: AirflowCalls, reader: Reader, names: Iterable[str] | None
) -> WatchedRuns:
    """Ask Airflow how runs stand; those of DAGs that one may not read are left out."""
    pairs = [name.partition("/")[::2] for name in list(dict.fromkeys(names or ()))[:_MOST]]
    seen = [(dag_id, run_id) for dag_id, run_id in pairs if run_id and reader.may_read(dag_id)]
    states = await asyncio.gather(*(_state(calls, dag_id, run_id) for dag_id, run_id in seen))
    return WatchedRuns(
        tuple(
            Watched(dag_id, run_id, state)
            for (dag_id, run_id), state in zip(seen, states, strict=True)
        )
    )


async def _state(calls: AirflowCalls, dag_id: str, run_id: str) -> str:
    try:
        return str((await calls.get(run_path(dag_id, run_id)))["state"])
    except Refusal as refusal:
        if refusal.status is HTTPStatus.NOT_FOUND:
            return ""
        raise
