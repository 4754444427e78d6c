"""Job rows: when the manager looks at the work, and what it then shows.

The manager does not watch its work: it looks at 0, 30, 90 s ... and shows what it saw at the last
look (dragonfly: manager/service/job.go, pollingJob). Here the looks are computed when a row is
read, so a thousand waiting jobs cost nothing.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

from preheat.sandbox.dragonfly.settings import go_time

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["LOOKS", "ClusterTask", "Job", "Look", "Outcome"]

LOOKS = (0.0, 30.0, 90.0, 210.0, 450.0, *(750.0 + 300.0 * n for n in range(11)))
"""Seconds after creation; after the sixteenth (62.5 min) an unfinished row becomes FAILURE."""

_ZERO_TIME = "0001-01-01T00:00:00Z"
_shuffled = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the work of one cluster ended: a result, or an error text and nothing else."""

    result: dict[str, Any] | None = None
    error: str = ""

    @property
    def state(self) -> str:
        """Machinery's word for it."""
        return "FAILURE" if self.error else "SUCCESS"


@dataclass(slots=True)
class ClusterTask:
    """The machinery task of one cluster.

    :param ended: monotonic time at which the work really ended.
    """

    cluster_id: int
    uuid: str
    group_uuid: str
    started: float | None = None
    ended: float | None = None
    outcome: Outcome | None = None

    def finish(self, outcome: Outcome, now: float) -> None:
        """Keep how it ended."""
        self.outcome, self.ended = outcome, now


@dataclass(frozen=True, slots=True)
class Look:
    """What the poller saw last."""

    state: str
    seconds: float
    tasks: tuple[tuple[ClusterTask, str], ...] = ()
    is_final: bool = False


@dataclass(slots=True)
class Job:
    """A row of the manager's table.

    :param born: monotonic time of creation.
    :param looks: when the poller looks, in real seconds after creation.
    :param polled_until: the manager process that polls died then; no later look happens.
    :param forced: a look that the control API put in place of all others.
    """

    id: int
    type: str
    bio: str
    args: dict[str, Any]
    user_id: int
    group_uuid: str
    created: datetime
    born: float
    looks: tuple[float, ...]
    tasks: list[ClusterTask]
    clusters: list[dict[str, Any]] | None = None
    polled_until: float = float("inf")
    forced: Look | None = None
    updated: datetime | None = None
    plain_result: dict[str, Any] | None = None
    _final: Look | None = field(default=None)

    def look(self, now: float) -> Look:
        """Tell what the last look saw; a final one stands for good."""
        if self.forced is not None:
            return self.forced
        if self._final is None:
            seen = self._seen(min(now, self.polled_until) - self.born)
            if not seen.is_final:
                return seen
            self._final = seen
        return self._final

    def row(self, look: Look, *, is_listed: bool) -> dict[str, Any]:
        """Build the JSON object of a GET (or of a list, which leaves the clusters out)."""
        changed = self.created + timedelta(seconds=look.seconds)
        if self.updated is not None and self.updated > changed:
            changed = self.updated
        row = {
            **self._head(changed, look.state),
            "result": self.plain_result or self._result(look),
            **self._user(),
        }
        row["seed_peer_clusters"] = None if is_listed or self.clusters is None else []
        row["scheduler_clusters"] = None if is_listed else self.clusters
        return row

    def created_row(self) -> dict[str, Any]:
        """Build the JSON object of the create answer: PENDING, no result yet, no user loaded."""
        return {
            **self._head(self.created, "PENDING"),
            "result": None,
            "user_id": self.user_id,
            "user": user_row(0),
            "seed_peer_clusters": None,
            "scheduler_clusters": self.clusters,
        }

    def _seen(self, elapsed: float) -> Look:
        last = Look("PENDING", 0.0, tuple((task, "PENDING") for task in self.tasks))
        for moment in self.looks[1:]:
            if moment > elapsed:
                return last
            last = self._look_at(moment)
            if last.is_final:
                return last
        return Look("FAILURE", last.seconds, last.tasks, is_final=True)

    def _look_at(self, moment: float) -> Look:
        tasks = tuple((task, self._state_at(task, self.born + moment)) for task in self.tasks)
        states = {state for _, state in tasks}
        if "FAILURE" in states:
            return Look("FAILURE", moment, tasks, is_final=True)
        if states <= {"SUCCESS"}:
            return Look("SUCCESS", moment, tasks, is_final=True)
        return Look("PENDING", moment, tasks)

    @staticmethod
    def _state_at(task: ClusterTask, when: float) -> str:
        if task.outcome is not None and task.ended is not None and task.ended <= when:
            return task.outcome.state
        return "STARTED" if task.started is not None and task.started <= when else "PENDING"

    def _head(self, changed: datetime, state: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "created_at": go_time(self.created),
            "updated_at": go_time(changed),
            "is_del": 0,
            "task_id": self.group_uuid,
            "bio": self.bio,
            "type": self.type,
            "state": state,
            "args": self.args,
        }

    def _user(self) -> dict[str, Any]:
        return {"user_id": self.user_id, "user": user_row(self.user_id)}

    def _result(self, look: Look) -> dict[str, Any]:
        created = go_time(self.created.astimezone(UTC), digits=9)
        changed = self.created.astimezone(UTC) + timedelta(seconds=look.seconds)
        states = [_task_state(task, self.type, state, created) for task, state in look.tasks]
        _shuffled.shuffle(states)
        group = look.state if look.is_final else "PENDING"
        return {
            "created_at": created,
            "group_uuid": self.group_uuid,
            "job_states": states,
            "state": group,
            "updated_at": go_time(changed, digits=9),
        }


def _task_state(task: ClusterTask, name: str, state: str, created: str) -> dict[str, Any]:
    ended = task.outcome if task.outcome is not None and state == task.outcome.state else None
    return {
        "created_at": created,
        "error": ended.error if ended else "",
        "results": [ended.result] if ended and ended.result is not None else None,
        "state": state,
        "task_name": name,
        "task_uuid": task.uuid,
        "ttl": 0,
    }


def user_row(user_id: int) -> dict[str, Any]:
    """Build the user that is nested in a row: ``root``, or the empty one of id 0."""
    known = user_id == 1
    return {
        "id": user_id,
        "created_at": "2026-01-01T00:00:00Z" if known else _ZERO_TIME,
        "updated_at": "2026-01-01T00:00:00Z" if known else _ZERO_TIME,
        "is_del": 0,
        "email": "",
        "name": "root" if known else "",
        "avatar": "",
        "phone": "",
        "state": "enable" if known else "",
        "location": "",
        "bio": "",
        "configs": None,
    }
