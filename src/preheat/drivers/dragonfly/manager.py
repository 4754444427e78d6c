"""Calls to one manager: the token on each of them, its clock, its errors typed and explained."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from preheat.drivers.dragonfly.answers import Cluster, decode, words_of
from preheat.drivers.dragonfly.classify import classify
from preheat.errors import (
    Cause,
    ForeignAnswerError,
    NotFoundError,
    RateLimitedError,
    RefusedError,
    RemoteError,
    RemoteUnavailableError,
)
from preheat.transport import redact
from preheat.transport.retryafter import retry_after_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import SecretStr

    from preheat.drivers.dragonfly.classify import Meaning
    from preheat.transport import Answer, Transport

__all__ = ["CLUSTERS", "JOBS", "Manager", "clock_of"]

JOBS = "/oapi/v1/jobs"
CLUSTERS = "/oapi/v1/clusters"
CLUSTERS_PER_PAGE = 100


class Manager:
    """One manager, called with one personal access token.

    :param post_timeout_seconds: how long a POST may take in all: the manager resolves the image at
        the registry before it answers.
    :param token_worked: tells whether a token of this connection is known to have worked, asked
        only after a 401: it may then mean that the manager is unwell, for it answers 401 to good
        tokens too while its database is down (dragonfly:
        manager/middlewares/personal_access_token.go, recorded db-down-over-time). Nothing cheap
        tells the two apart: ``/healthy`` stays OK meanwhile (recorded db-down-healthy).
    """

    def __init__(
        self,
        transport: Transport,
        token: SecretStr,
        *,
        post_timeout_seconds: float,
        token_worked: Callable[[], bool] = lambda: False,
    ) -> None:
        self.transport = transport
        self.token = token
        self.post_timeout_seconds = post_timeout_seconds
        self.token_worked = token_worked
        self._works = False

    def send(self, method: str, path: str, **options: Any) -> Answer:
        """Send one request with the token and give its answer, whatever its status."""
        headers = {"Authorization": f"Bearer {self.token.get_secret_value()}"}
        return self.transport.send(method, path, headers=headers, **options)

    def call(self, method: str, path: str, **options: Any) -> Answer:
        """Send one request with the token and give its 200 answer.

        :raises RemoteError: the narrowest kind for any other answer.
        """
        answer = self.send(method, path, **options)
        if answer.status != HTTPStatus.OK:
            raise self.error_of(answer)
        self._works = True
        return answer

    def post(self, body: Mapping[str, object], *, within: float | None = None) -> Answer:
        """Create a job and give its 200 answer.

        :param within: seconds for all of it, if fewer are left than ``post_timeout_seconds``.
        :raises RemoteError: the narrowest kind; ``sent`` tells whether a job may run nevertheless.
        """
        within = within or self.post_timeout_seconds
        return self.call("POST", JOBS, json_body=body, within=within)

    def clusters(self) -> list[Cluster]:
        """List all clusters; needs the scope ``cluster``."""
        clusters: dict[int, Cluster] = {}
        page = 1
        while True:
            params = {"page": page, "per_page": CLUSTERS_PER_PAGE}
            answer = self.call("GET", CLUSTERS, params=params)
            found = decode(answer, list[Cluster], "a list of clusters")
            new = {cluster.scheduler_cluster_id: cluster for cluster in found}
            is_last = len(found) < CLUSTERS_PER_PAGE or new.keys() <= clusters.keys()
            clusters |= new
            if is_last:  # or one that gives its first page for ever
                return list(clusters.values())
            page += 1

    def error_of(self, answer: Answer) -> RemoteError:
        """Build the typed error for an answer that is not 200."""
        words = words_of(answer)
        about: dict[str, Any] = {
            "system": answer.system,
            "request": answer.request,
            "status": answer.status,
            "words": redact(words or ""),
        }
        told = f"{answer.system} answered {answer.request} with {answer.status}"
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            return _too_many(told, {**about, "retry_after_seconds": retry_after_of(answer.headers)})
        if words is None:
            return self._foreign(answer, told, about)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            return self._unauthorized(told, about)
        told = f"{told}: {redact(words)}"
        if answer.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            return _failure(told, classify(words), about)
        explain = _EXPLANATIONS.get(answer.status)
        if explain is None:
            return self.transport.error_of(answer)
        return explain(told, about)

    def _foreign(self, answer: Answer, told: str, about: dict[str, Any]) -> RemoteError:
        """Explain an answer without the manager's own error body."""
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return self.transport.error_of(answer)
        return ForeignAnswerError(
            f"{told}: this is not how a Dragonfly manager answers (one sends unknown paths to '/'; "
            "redirects are not followed). Check the URL of the connection.",
            **about,
        )

    def _unauthorized(self, told: str, about: dict[str, Any]) -> RemoteError:
        if self._works or self.token_worked():
            whose = "this token" if self._works else "a token of this connection"
            return RemoteUnavailableError(
                f"{told}, though {whose} worked before: either the token was changed or deleted "
                "(check it in the connection and at the manager), or the manager's database is "
                "unwell, for without it a manager answers 401 to good tokens too.",
                sent=False,
                **about,
            )
        return RefusedError(
            f"{told}: it does not know this token. Check the personal access token of the "
            "connection; if it is right, the manager cannot reach its database.",
            **about,
        )


def clock_of(answer: Answer) -> datetime:
    """Tell the manager's time at the answer: ages are measured by its clock, not by ours."""
    try:
        told = parsedate_to_datetime(answer.headers.get("Date", ""))
    except (ValueError, OverflowError):
        return datetime.now(UTC)
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def _forbidden(told: str, about: dict[str, Any]) -> RemoteError:
    return RefusedError(
        f"{told}. The token is known, but it is inactive, has expired or lacks the scope: make one "
        "with the scopes job and cluster.",
        **about,
    )


def _not_found(told: str, about: dict[str, Any]) -> RemoteError:
    return NotFoundError(told, **about)


def _invalid(told: str, about: dict[str, Any]) -> RemoteError:
    return RefusedError(told, **about)


def _failure(told: str, meaning: Meaning | None, about: dict[str, Any]) -> RemoteError:
    """Explain a 500: its text decides, and one that nobody knows may be worth a repeat."""
    if meaning is None:
        return RemoteUnavailableError(told, **about)
    message = f"{told}: {meaning.advice}."
    if meaning.cause is Cause.PERMANENT:
        return RefusedError(message, **about)
    return RemoteUnavailableError(message, sent=not meaning.is_before_queue, **about)


def _too_many(told: str, about: dict[str, Any]) -> RateLimitedError:
    return RateLimitedError(
        f"{told}: more jobs a second than the scheduler cluster allows, or no such scheduler "
        "cluster, or the manager's Redis is down; it answers the same to all three.",
        **about,
    )


_EXPLANATIONS: Mapping[int, Callable[[str, dict[str, Any]], RemoteError]] = {
    HTTPStatus.FORBIDDEN: _forbidden,
    HTTPStatus.NOT_FOUND: _not_found,
    HTTPStatus.UNPROCESSABLE_ENTITY: _invalid,
}
