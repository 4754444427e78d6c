"""An examination as a person reads it, 80 columns wide, and as a machine does."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from preheat.doctor.observations import State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from preheat.doctor.observations import Examination, Observation

__all__ = ["as_data", "summary", "told"]

_MARKS = {
    State.OK: "ok",
    State.LOOK: "look",
    State.WRONG: "WRONG",
    State.SKIPPED: "-",
    State.UNKNOWN: "?",
}
_MARK_WIDTH = 5
_WORDS = {
    State.WRONG: "wrong",
    State.UNKNOWN: "could not be looked at",
    State.LOOK: "worth a look",
    State.SKIPPED: "skipped",
    State.OK: "ok",
}


def told(examination: Examination, *, width: int = 80) -> Iterator[tuple[State | None, str]]:
    """Give line by line what was seen, with the state that a line is about; headings have none."""
    about = ""
    column = max((len(seen.check) for seen in examination.observations), default=0)
    for seen in examination.observations:
        if seen.about != about:
            about = seen.about
            yield None, about
        for line in _lines(seen, column, width):
            yield seen.state, line
    yield None, ""
    worst = next((state for state in _WORDS if examination.counts[state]), State.OK)
    yield worst, summary(examination)


def summary(examination: Examination) -> str:
    """Say in one line how many things are how."""
    counts = examination.counts
    said = ", ".join(f"{counts[state]} {word}" for state, word in _WORDS.items() if counts[state])
    return f"{said or 'nothing was looked at'}."


def as_data(examination: Examination) -> dict[str, Any]:
    """Give all of it as plain data; the keys stay."""
    return {
        "exit_code": examination.exit_code,
        "counts": {state.value: count for state, count in examination.counts.items()},
        "observations": [
            {
                "about": seen.about,
                "check": seen.check,
                "state": seen.state.value,
                "detail": seen.detail,
                "advice": seen.advice,
            }
            for seen in examination.observations
        ],
    }


def _lines(seen: Observation, column: int, width: int) -> Iterator[str]:
    """Lay out one observation: mark, check, detail; what to do on lines of its own."""
    mark = f"  {_MARKS[seen.state]:<{_MARK_WIDTH}} "
    check = f"{seen.check:<{column}} "
    indent = " " * (len(mark) + column + 1)
    yield from _wrapped(seen.detail or "-", width, mark + check, indent)
    if seen.advice:
        yield from _wrapped(seen.advice, width, f"{indent}-> ", f"{indent}   ")


def _wrapped(text: str, width: int, first: str, indent: str) -> list[str]:
    clean = "".join(letter if letter.isprintable() else " " for letter in text)
    return textwrap.wrap(
        clean,
        width,
        initial_indent=first,
        subsequent_indent=indent,
        break_on_hyphens=False,
    )
