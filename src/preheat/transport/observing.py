"""Who is told of each exchange: what is counted and traced is no business of the core."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Observer", "unobserved"]

Observer: TypeAlias = Callable[[str], AbstractContextManager[Callable[[int], None]]]
"""Given the method, what an exchange runs in; what it yields is told the status of the answer."""


@contextmanager
def unobserved(method: str) -> Iterator[Callable[[int], None]]:
    """Tell nobody."""
    del method
    yield _forget


def _forget(status: int) -> None:
    del status
