"""What the language is made of, part by part: the vocabulary for documents and checks."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from preheat.plan import ReasonCode
    from preheat.policy.fields import Strict
    from preheat.policy.yamltext import Document, Path

__all__ = ["At", "Part"]


@dataclass(frozen=True, slots=True)
class Part:
    """One criterion: its key, the shape of its value, and the reasons it can give.

    :param key: where it stands in a policy, such as ``spec.rules[].labels``.
    :param module: ``__name__`` of the module whose docstring holds prose and a YAML example.
    :param spec: the map it is written as; None for a list of words.
    """

    key: str
    module: str
    spec: type[Strict] | None = None
    codes: tuple[ReasonCode, ...] = ()

    @property
    def doc(self) -> str:
        """Prose and example, from that module."""
        return sys.modules[self.module].__doc__ or ""


@dataclass(frozen=True, slots=True)
class At:
    """A place in a policy file, handed to whatever is built from it.

    :param rule: name of the rule it belongs to; empty outside of rules.
    """

    document: Document
    path: Path
    rule: str = ""

    def __truediv__(self, part: str | int) -> At:
        return At(self.document, (*self.path, part), self.rule)

    @property
    def line(self) -> int | None:
        """1-based line of the key."""
        return self.document.line(self.path)
