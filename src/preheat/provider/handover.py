"""What the trigger hands to the worker: one event, plain JSON, checked where it is taken up.

It crosses the metadata database, so it may come from another version, or be nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from preheat import errors
from preheat.verdict import Verdict

__all__ = ["Handover"]

_KINDS: dict[str, type[errors.PreheatError]] = {
    kind.__name__: kind
    for kind in (
        errors.InputError,
        errors.LedgerError,
        errors.RemoteUnavailableError,
        errors.RateLimitedError,
        errors.RefusedError,
        errors.NotFoundError,
        errors.UnexpectedAnswerError,
        errors.ForeignAnswerError,
    )
}
_FACTS = ("system", "request", "status", "words", "sent", "retry_after_seconds")


@dataclass(frozen=True)
class Handover:
    """How the wait for one attempt ended.

    :param verdict: as the ledger has it; UNKNOWN too when the manager stayed silent.
    :param vanished: the job expired or was lost.
    :param error: what ended the wait instead of a verdict; its type decides about retries.
    """

    attempt: int
    verdict: Verdict = Verdict.UNKNOWN
    vanished: bool = False
    error: errors.PreheatError | None = None

    def as_data(self) -> dict[str, Any]:
        """Write it down for the event."""
        data = {
            "attempt": self.attempt,
            "verdict": self.verdict.value,
            "vanished": self.vanished,
        }
        return {**data, "error": _error_data(self.error)} if self.error else data

    @classmethod
    def of(cls, event: Any) -> Handover:
        """Take it up.

        :raises ValueError: for anything that :meth:`as_data` does not write.
        """
        try:
            error = event.get("error")
            return cls(
                int(event["attempt"]),
                Verdict(event["verdict"]),
                bool(event.get("vanished")),
                None if error is None else _error_of(error),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as problem:
            message = f"not an event of our trigger: {event!r}"
            raise ValueError(message) from problem


def _error_data(error: errors.PreheatError) -> dict[str, Any]:
    """Write type, message and facts; a type that is not listed as the listed one that it is of."""
    kind = next(base.__name__ for base in type(error).__mro__ if base.__name__ in _KINDS)
    facts = {name: getattr(error, name) for name in _FACTS if hasattr(error, name)}
    return {"kind": kind, "message": str(error), **facts}


def _error_of(data: dict[str, Any]) -> errors.PreheatError:
    facts = {name: data[name] for name in _FACTS if name in data}
    return _KINDS[data["kind"]](data["message"], **facts)
