"""The reference of a policy run: tasks of the same shape and the same waits that do nothing.

What is left is Airflow itself, which no run of ours can do without. The tracked tasks have a label
in the grid and two links, as ours must have: Airflow itself spends three calls on them.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import (  # noqa: TID251 - tasks of Airflow
    BaseOperator,
    BaseOperatorLink,
    BaseSensorOperator,
)
from airflow.triggers.base import (  # noqa: TID251 - as above
    BaseEventTrigger,
    BaseTrigger,
    TaskSuccessEvent,
    TriggerEvent,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow.sdk import Context  # noqa: TID251 - as above
    from airflow.sdk.types import TaskInstanceKey  # noqa: TID251 - as above

__all__ = [
    "BareSensor",
    "EmptyEventTrigger",
    "EmptyListOperator",
    "EmptyOperator",
    "EmptySensor",
    "EmptyTrigger",
    "MarkingSensor",
]

_LOOK_SECONDS = 0.25  # as often as ours looks


class _FirstLink(BaseOperatorLink):
    name = "First"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return an address without looking for it."""
        del operator, ti_key
        return "http://127.0.0.1/harbor/projects/bench/repositories/app/artifacts-tab"


class _SecondLink(_FirstLink):
    name = "Second"


class EmptyOperator(BaseOperator):
    """Stands for ``plan`` and ``report``."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Return as much as ours does: a few counts."""
        del context
        return {"plan": 1, "asked": 0}


class EmptyListOperator(BaseOperator):
    """Stands for ``placements``: gives the mapped task its arguments."""

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Return the arguments of as many instances as the run's configuration says."""
        count = int(context["params"]["count"])
        return [{"number": n, "text": f"bench/app:1.{n} linux/amd64"} for n in range(count)]


class BareSensor(BaseSensorOperator):
    """Defers at once.

    :param seconds: how long the trigger waits; ours waits as long for the manager's next look.
    """

    def __init__(self, *, number: int, text: str, seconds: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.number = number
        self.text = text
        self.seconds = seconds

    def execute(self, context: Context) -> None:
        """Defer until the wait is over."""
        del context
        self.defer(
            trigger=EmptyTrigger(number=self.number, until=time.time() + self.seconds),
            method_name="execute_complete",
        )

    def execute_complete(self, context: Context, event: Any) -> None:
        """Serve as the method that a deferral must name; the trigger ends the task."""


class EmptySensor(BareSensor):
    """Stands for ``track``: two links, as ours has."""

    operator_extra_links = (_FirstLink(), _SecondLink())


class MarkingSensor(EmptySensor):
    """Writes down when it is there, which is when ours would ask."""

    def execute(self, context: Context) -> None:
        """Write, then defer."""
        with Path(os.environ["BENCH_MARKS"]).open("a", encoding="utf-8") as marks:
            marks.write(f"{time.time()}\n")
        super().execute(context)


class EmptyEventTrigger(BaseEventTrigger):
    """Updates its asset each time that a file grows."""

    def __init__(self, *, path: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # untyped in Airflow
        self.path = path

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and arguments."""
        return (f"{type(self).__module__}.{type(self).__qualname__}", {"path": self.path})

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look at the file for ever."""
        seen = await asyncio.to_thread(_size, self.path)
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            size = await asyncio.to_thread(_size, self.path)
            if size > seen:
                seen = size
                yield TriggerEvent({"size": size})


def _size(path: str) -> int:
    file = Path(path)
    return file.stat().st_size if file.exists() else 0


class EmptyTrigger(BaseTrigger):
    """Waits, and ends the task as ours does."""

    def __init__(self, *, number: int, until: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # untyped in Airflow
        self.number = number
        self.until = until

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and arguments."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {"number": self.number, "until": self.until},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait until the moment has come."""
        await asyncio.sleep(max(self.until - time.time(), 0))
        yield TaskSuccessEvent()
