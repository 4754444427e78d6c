"""What Harbor says of the places where something happened; each is asked once in a drain."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from preheat.errors import PreheatError, RefusedError, UnexpectedAnswerError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable

    from preheat.artifact import Artifact
    from preheat.harbor.client import HarborClient

__all__ = ["Place", "Places", "is_refusal"]

Place: TypeAlias = "tuple[str, str]"
"""Registry, and full name of a repository."""

_Answer = TypeVar("_Answer")
_NO = {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}


def is_refusal(error: PreheatError) -> bool:
    """Whether Harbor does not show this place to us; wrong credentials say nothing of a place."""
    return isinstance(error, RefusedError) and error.status in _NO


class Places:
    """Asks the Harbors, and remembers answers and errors.

    A Harbor that does not answer, or does not know us, is not asked again: each question to it
    would wait for its time-out, and everybody's events wait for this one drain.

    :param open_harbor: gives the client of a registry; may raise.
    :param labels: whether labels are needed.
    """

    def __init__(self, open_harbor: Callable[[str], HarborClient], *, labels: bool) -> None:
        self._open = open_harbor
        self._labels = labels
        self._clients: dict[str, HarborClient] = {}
        self._dead: dict[str, PreheatError] = {}
        self._known: dict[Hashable, list[Artifact] | PreheatError] = {}

    def client(self, registry: str) -> HarborClient:
        """Give the client of a registry.

        :raises PreheatError: if it cannot be opened, or its Harbor did not answer before.
        """
        if error := self._dead.get(registry):
            raise error
        if registry not in self._clients:
            self._clients[registry] = self._open(registry)
        return self._clients[registry]

    def repository(self, place: Place) -> list[Artifact] | PreheatError:
        """List a repository, or tell why that cannot be done."""
        registry, name = place
        return self._listed(
            place,
            lambda: list(self.client(registry).repository_artifacts(name, labels=self._labels)),
        )

    def project(self, place: Place) -> list[Artifact] | PreheatError:
        """List the whole project of a repository, or tell why that cannot be done."""
        registry, name = place
        project = name.partition("/")[0]
        return self._listed(
            (registry, project, "all of it"),
            lambda: list(self.client(registry).project_artifacts(project, labels=self._labels)),
        )

    def still_has(self, place: Place, digests: Collection[str]) -> set[str] | PreheatError:
        """Tell which of these artifacts a repository has still."""
        registry, name = place
        return self._asked(registry, lambda: self.client(registry).still_has(name, digests))

    def _listed(
        self, key: Hashable, ask: Callable[[], list[Artifact]]
    ) -> list[Artifact] | PreheatError:
        if key not in self._known:
            self._known[key] = self._asked(key[0], ask)  # type: ignore[index] # tuples all
        return self._known[key]

    def _asked(self, registry: str, ask: Callable[[], _Answer]) -> _Answer | PreheatError:
        try:
            return ask()
        except PreheatError as error:
            if not is_refusal(error) and not isinstance(error, UnexpectedAnswerError):
                self._dead.setdefault(registry, error)
            return error
