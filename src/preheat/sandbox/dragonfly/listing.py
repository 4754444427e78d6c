"""Query parameters of the lists (dragonfly: manager/types/job.go, GetJobsQuery)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from preheat.sandbox.dragonfly.validation import BadRequest, failed, parse_uint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from preheat.sandbox.dragonfly.jobs import Job

__all__ = ["JobQuery", "read_query"]

_STATES = {"PENDING", "RECEIVED", "STARTED", "RETRY", "SUCCESS", "FAILURE"}
_MAX_PER_PAGE = 10_000_000
_INTEGER = re.compile(r"^[+-]?\d+$")


@dataclass(frozen=True, slots=True)
class JobQuery:
    """Which rows of which page; unknown parameters (``bio``) filter nothing."""

    page: int = 1
    per_page: int = 10
    type: str = ""
    state: str = ""
    user_id: int = 0

    @property
    def start(self) -> int:
        """Offset of the page."""
        return (self.page - 1) * self.per_page

    def accepts(self, job: Job, now: float) -> bool:
        """Whether a row passes the filters as it would be shown now."""
        if self.type and job.type != self.type:
            return False
        if self.user_id and job.user_id != self.user_id:
            return False
        return not self.state or job.look(now).state == self.state


def read_query(parameters: Mapping[str, str]) -> JobQuery:
    """Read and check the parameters.

    :raises BadRequest: in Go's words.
    """
    query = JobQuery(
        page=_number(parameters, "page", "Page", 2**62) or 1,
        per_page=_number(parameters, "per_page", "PerPage", _MAX_PER_PAGE) or 10,
        type=parameters.get("type", ""),
        state=parameters.get("state", ""),
        user_id=parse_uint(parameters.get("user_id") or "0"),
    )
    if query.state and query.state not in _STATES:
        raise BadRequest(failed("GetJobsQuery.State", "oneof"))
    return query


def _number(parameters: Mapping[str, str], name: str, go_name: str, highest: int) -> int:
    text = parameters.get(name) or "0"
    if not _INTEGER.match(text):
        raise BadRequest(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    value = int(text)
    if value < 0:
        raise BadRequest(failed(f"GetJobsQuery.{go_name}", "gte"))
    if value > highest:
        raise BadRequest(failed(f"GetJobsQuery.{go_name}", "lte"))
    return value
