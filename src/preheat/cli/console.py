"""How every command speaks: results to stdout, progress to stderr, errors in one message.

Exit codes of all commands: 0 right, 1 what was looked for is wrong, 2 bad usage or input that
cannot be read.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from preheat.errors import PreheatError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

__all__ = ["UNREADABLE", "WRONG", "errors_told", "plain", "print_json", "stderr", "stdout"]

WRONG = 1
UNREADABLE = 2
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def stdout() -> Console:
    """Give the console for results; 80 columns wide where stdout is no terminal."""
    from rich.console import Console  # noqa: PLC0415 - heavy for other commands

    return Console(highlight=False, markup=False, emoji=False)


def stderr() -> Console:
    """Give the console for progress and errors."""
    from rich.console import Console  # noqa: PLC0415 - heavy for other commands

    return Console(stderr=True, highlight=False, markup=False, emoji=False)


def print_json(data: object) -> None:
    """Print a result for machines; ASCII, so that no locale can spoil it."""
    typer.echo(json.dumps(data, indent=2))


@contextmanager
def errors_told(*, but: type[PreheatError] | tuple[()] = ()) -> Iterator[None]:
    """Turn our own errors into one message on stderr and the exit code for unreadable input.

    :param but: a kind that the caller tells by itself.
    """
    try:
        yield
    except but:
        raise
    except PreheatError as error:
        stderr().print(str(error), style="red", soft_wrap=True)
        raise typer.Exit(UNREADABLE) from None


def plain(text: str) -> str:
    """Make text from outside safe for a terminal: no control characters, no second line."""
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )
