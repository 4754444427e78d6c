"""Retry by cause: never for what cannot heal, with back-off and jitter for what can."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk.definitions.retry_policy import RetryDecision, RetryPolicy
from airflow.sdk.exceptions import AirflowException, AirflowNotFoundException

from preheat.errors import Cause, InputError, LedgerError, RemoteError
from preheat.provider.metrics import RETRIES
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Collection

    from airflow.sdk import Context

    from preheat.verdict import Finding

__all__ = ["NotWarmError", "PreheatRetryPolicy"]

_random = random.SystemRandom()


class NotWarmError(AirflowException):
    """The wait for a placement ended, and it is not warm.

    :param message: what is missing and what to do.
    :param finding: the verdict and all it rests on.
    :param vanished: the job expired or was lost, so nothing speaks against asking again at once.
    :param tries: numbers of the tries of this run that asked and got a verdict.
    :param attempts: how often the placement may be asked for; 0 for what the retry policy says.
    :param retry_partial: whether a partly warm image may be asked for again.
    """

    def __init__(
        self,
        message: str,
        finding: Finding,
        *,
        vanished: bool = False,
        tries: Collection[int] = (),
        attempts: int = 0,
        retry_partial: bool = True,
    ) -> None:
        self.finding = finding
        self.vanished = vanished
        self.tries = tuple(tries)
        self.attempts = attempts
        self.retry_partial = retry_partial
        super().__init__(message)


class PreheatRetryPolicy(RetryPolicy):
    """Decide from the typed error whether asking again can help, and when.

    Two things are counted apart: how often Dragonfly was asked and the image was still not warm
    (``attempts``), and tries in all (``retries``), so that an outage of a minute or two uses up
    none of the attempts.

    The jitter is drawn for each instance: Airflow's own does not know the map index, so that all
    mapped retries of a run would fire in the same second. A burst is more than rude: of 200 jobs
    asked for within a second one seed lost 175 of 800 layers (dragonfly: recorded
    scale-concurrent-jobs). ``Retry-After`` is honoured, up to an hour, and no two instances that
    were told the same come back together either.

    :param attempts: how often a placement is asked for in all.
    :param retries: the task's ``retries``: after a task was cleared, counting starts anew.
    :param backoff_seconds: wait before the second try; doubles with each further one.
    :param max_backoff_seconds: the longest wait.
    :param retry_partial: whether a partly warm image is asked for again.
    """

    def __init__(
        self,
        *,
        attempts: int = 3,
        retries: int = 2,
        backoff_seconds: float = 15.0,
        max_backoff_seconds: float = 300.0,
        retry_partial: bool = True,
    ) -> None:
        self.attempts = attempts
        self.retries = retries
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
        del context
        decision = self._decide(exception, try_number, max_tries)
        RETRIES.tell(1, cause=_cause_of(exception), decision=decision.action.value)
        return decision

    def _decide(self, exception: BaseException, try_number: int, max_tries: int) -> RetryDecision:
        before = max(max_tries - self.retries, 0)  # tries before the task was last cleared
        delay = self._delay_seconds(try_number - before)
        match exception:
            case NotWarmError():
                asked = sum(number > before for number in exception.tries)
                return self._of_verdict(exception, asked, delay)
            case InputError() | AirflowNotFoundException():
                return RetryDecision.fail("what was given is wrong: a repeat changes nothing")
            case RemoteError(cause=Cause.PERMANENT):
                return RetryDecision.fail(f"{exception.system} said no: a repeat changes nothing")
            case RemoteError():
                wished = getattr(exception, "retry_after_seconds", None) or 0.0
                return _retry(wished + delay, f"{exception.system} may answer later")
            case LedgerError():
                return _retry(delay, "the ledger may answer later")
        return RetryDecision.default()

    def _of_verdict(self, error: NotWarmError, asked: int, delay: float) -> RetryDecision:
        verdict = error.finding.verdict
        if error.finding.is_hopeless:
            return RetryDecision.fail(f"{verdict}, and what is missing cannot come by a repeat")
        if verdict is Verdict.PARTIAL and not (self.retry_partial and error.retry_partial):
            return RetryDecision.fail("PARTIAL, and the policy says onPartial: fail")
        if asked >= (error.attempts or self.attempts):
            return RetryDecision.fail(
                f"{verdict} after {asked} attempts, all that the policy allows"
            )
        if error.vanished:
            at_once = _random.uniform(0, 1)
            return _retry(at_once, f"{verdict} and its job is gone: ask again at once")
        return _retry(delay, f"{verdict}: ask again, peers fetch what they lack")

    def _delay_seconds(self, number: int) -> float:
        longest = min(self.backoff_seconds * 2 ** max(number - 1, 0), self.max_backoff_seconds)
        return float(longest * _random.uniform(0.5, 1.0))

    def serialize(self) -> dict[str, Any]:
        """Describe the policy for Airflow's DAG serialization."""
        return {"__type": type(self).__name__, **vars(self)}


def _cause_of(exception: BaseException) -> str:
    """Name the cause in a word or two, of which there are few."""
    match exception:
        case NotWarmError():
            return "job_gone" if exception.vanished else exception.finding.verdict.value
        case InputError() | AirflowNotFoundException():
            return "input"
        case RemoteError():
            return f"{exception.system}_{exception.cause.value}"
        case LedgerError():
            return "ledger"
    return "other"


def _retry(seconds: float, reason: str) -> RetryDecision:
    return RetryDecision.retry(delay=timedelta(seconds=seconds), reason=reason)
