"""Retry by cause: never for what cannot heal, with back-off and jitter for what can."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk.definitions.retry_policy import RetryDecision, RetryPolicy
from airflow.sdk.exceptions import AirflowException

from preheat.errors import Cause, InputError, RateLimitedError, RemoteError
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from airflow.sdk import Context

    from preheat.verdict import Finding

__all__ = ["NotWarmError", "PreheatRetryPolicy"]

_random = random.SystemRandom()


class NotWarmError(AirflowException):
    """The wait for a placement ended, and it is not warm.

    :param message: what is missing and what to do.
    :param finding: the verdict and all it rests on.
    :param vanished: the job expired or was lost, so nothing speaks against asking again at once.
    """

    def __init__(self, message: str, finding: Finding, *, vanished: bool = False) -> None:
        self.finding = finding
        self.vanished = vanished
        super().__init__(message)


class PreheatRetryPolicy(RetryPolicy):
    """Decide from the typed error whether asking again can help, and when.

    The jitter is drawn for each instance: Airflow's own does not know the map index, so that all
    mapped retries of a run would fire in the same second.

    :param backoff_seconds: wait before the second try; doubles with each further one.
    :param max_backoff_seconds: the longest wait.
    :param retry_partial: whether a partly warm image is asked for again.
    """

    def __init__(
        self,
        backoff_seconds: float = 15.0,
        max_backoff_seconds: float = 300.0,
        *,
        retry_partial: bool = True,
    ) -> None:
        self.backoff_seconds = backoff_seconds
        self.max_backoff_seconds = max_backoff_seconds
        self.retry_partial = retry_partial

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Context | None = None,
    ) -> RetryDecision:
        """Decide for one failure; ``DEFAULT`` for errors that are not ours."""
        del max_tries, context
        match exception:
            case NotWarmError():
                return self._of_verdict(exception, try_number)
            case InputError():
                return RetryDecision.fail("the input is wrong: a repeat changes nothing")
            case RateLimitedError():
                asked = exception.retry_after_seconds or 0.0
                delay = max(asked, self._delay_seconds(try_number))
                return _retry(delay, "rate limited: slow down and ask again")
            case RemoteError(cause=Cause.RETRYABLE):
                return _retry(
                    self._delay_seconds(try_number), f"{exception.system} may answer later"
                )
            case RemoteError():
                return RetryDecision.fail(f"{exception.system} said no: a repeat changes nothing")
        return RetryDecision.default()

    def _of_verdict(self, error: NotWarmError, try_number: int) -> RetryDecision:
        verdict = error.finding.verdict
        if error.vanished:
            return _retry(
                _random.uniform(0, 1), f"{verdict} and its job is gone: ask again at once"
            )
        if verdict is Verdict.PARTIAL and not self.retry_partial:
            return RetryDecision.fail("PARTIAL, and the policy says onPartial: fail")
        return _retry(
            self._delay_seconds(try_number), f"{verdict}: ask again, peers fetch what they lack"
        )

    def _delay_seconds(self, try_number: int) -> float:
        longest = min(self.backoff_seconds * 2 ** max(try_number - 1, 0), self.max_backoff_seconds)
        return float(longest * _random.uniform(0.5, 1.0))

    def serialize(self) -> dict[str, Any]:
        """Describe the policy for Airflow's DAG serialization."""
        return {
            "__type": type(self).__name__,
            "backoff_seconds": self.backoff_seconds,
            "max_backoff_seconds": self.max_backoff_seconds,
            "retry_partial": self.retry_partial,
        }


def _retry(seconds: float, reason: str) -> RetryDecision:
    return RetryDecision.retry(delay=timedelta(seconds=seconds), reason=reason)
