"""Work for other threads, done in the context of whoever hands it out."""

from __future__ import annotations

from contextvars import copy_context
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["in_this_context"]

_P = ParamSpec("_P")
_T = TypeVar("_T")


def in_this_context(work: Callable[_P, _T]) -> Callable[_P, _T]:
    """Let a function run in any thread, and many at once, as if it were called here.

    A thread of a pool begins with an empty context: what is logged there belongs to no task, and
    what is traced there to no span.
    """
    context = copy_context()

    def run(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        return context.copy().run(work, *args, **kwargs)  # one context serves one thread at a time

    return run
