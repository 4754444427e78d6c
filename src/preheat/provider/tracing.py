"""Spans below those that Airflow opens for a task and for a trigger, where its traces are on.

``[traces] otel_on`` decides, and OpenTelemetry's own variables say where they go. Off, nothing of
it is called. Only what happens below a span of Airflow's gets one: the looks at a
manager that all triggers share, and the watch over a Harbor's events, never end and would be traces
without end.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Protocol

from airflow.sdk.configuration import conf
from airflow.sdk.observability import trace

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Note", "span"]

_LONGEST = 200


class Note(Protocol):
    """Takes attributes of a span, for whoever learns them in it."""

    def __call__(self, **attributes: str | float) -> None:
        """Add these, each with our name before it."""
        ...


@contextmanager
def span(name: str, **attributes: str | float) -> Iterator[Note]:
    """Open a span, and end it with the error where one leaves it; without traces do nothing.

    :param name: what is done, after ``preheat.``.
    :param attributes: facts in few words; no secret, no path and no query of a URL.
    """
    if not _is_on():
        yield _forget
        return
    if not trace.get_current_span().is_recording():
        yield _forget
        return
    tracer = trace.get_tracer("preheat")
    # An error's text can be long and is in the log: the span has its type.
    with tracer.start_as_current_span(
        f"preheat.{name}", record_exception=False, set_status_on_exception=False
    ) as opened:

        def note(**found: str | float) -> None:
            for key, value in found.items():
                shown = value[:_LONGEST] if isinstance(value, str) else value
                opened.set_attribute(f"preheat.{key}", shown)

        note(**attributes)
        try:
            yield note
        except Exception as error:
            note(error=type(error).__name__)
            opened.set_status(trace.StatusCode.ERROR)
            raise


@cache
def _is_on() -> bool:
    return bool(conf.getboolean("traces", "otel_on", fallback=False))


def _forget(**attributes: str | float) -> None:
    del attributes
