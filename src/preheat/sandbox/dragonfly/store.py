"""The table of jobs: ids, order, filters, damage by unknown users, and rows that vanish."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from preheat.sandbox.dragonfly.jobs import Job
    from preheat.sandbox.dragonfly.settings import Clock

__all__ = ["BIO_LENGTH", "CLEAN_SECONDS", "TTL_SECONDS", "JobStore", "NotFound"]

BIO_LENGTH = 1024
TTL_SECONDS = 6 * 3600.0
CLEAN_SECONDS = 3 * 3600.0
_KNOWN_USERS = {0, 1}


class NotFound(Exception):  # noqa: N818 - an answer rather than a fault
    """No such row, or one that the manager can no longer read."""


class JobStore:
    """Rows by id, newest last; kept in memory only.

    :param clock: decides when the cleaner comes by (every 3 h; rows older than 6 h go).
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._rows: dict[int, Job] = {}
        self._last_id = 0
        self._epoch = clock.monotonic()
        self._cleaned = 0

    @property
    def last_id(self) -> int:
        """The highest id given so far."""
        return self._last_id

    def continue_after(self, job_id: int) -> None:
        """Give no id up to this one again."""
        with self._lock:
            self._last_id = max(self._last_id, job_id)

    def insert(self, build: Callable[[int], Job]) -> Job:
        """Store a new row under the next id."""
        with self._lock:
            self._last_id += 1
            job = self._rows[self._last_id] = build(self._last_id)
            return job

    def get(self, job_id: int) -> Job:
        """Read one row.

        :raises NotFound: if it is gone or its user does not exist (dragonfly: models/job.go).
        """
        self._clean()
        with self._lock:
            job = self._rows.get(job_id)
        if job is None or job.user_id not in _KNOWN_USERS:
            raise NotFound
        return job

    def newest_first(self) -> list[Job]:
        """Read all rows in the order of lists: by creation time descending, ties by id."""
        self._clean()
        with self._lock:
            return sorted(self._rows.values(), key=lambda job: (-job.created.timestamp(), job.id))

    @staticmethod
    def check_readable(jobs: Iterable[Job]) -> None:
        """Fail a list page as the manager does.

        :raises NotFound: if one of the rows has a user that does not exist.
        """
        if any(job.user_id not in _KNOWN_USERS for job in jobs):
            raise NotFound

    def delete(self, job_id: int) -> None:
        """Delete one row; the work goes on.

        :raises NotFound: as for reading.
        """
        self.get(job_id)
        with self._lock:
            self._rows.pop(job_id, None)

    def expire(self, job_ids: Iterable[int] | None = None) -> int:
        """Let rows vanish, all of them if no ids are given; ids are not used again."""
        with self._lock:
            gone = list(self._rows) if job_ids is None else [i for i in job_ids if i in self._rows]
            for job_id in gone:
                del self._rows[job_id]
            return len(gone)

    def _clean(self) -> None:
        now = self._clock.monotonic()
        with self._lock:
            tick = int((now - self._epoch) / self._clock.real(CLEAN_SECONDS))
            if tick <= self._cleaned:
                return
            self._cleaned = tick
            oldest = now - self._clock.real(TTL_SECONDS)
            self.expire([job.id for job in self._rows.values() if job.born < oldest])
