"""How bad a finding is, in Harbor's words and order (harbor: src/pkg/scan/vuln/severity.go)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from preheat.facts import Vulnerability

__all__ = ["Bar", "rank", "word_for", "worst"]

_RANKS = {"None": 0, "Unknown": 0, "Negligible": 1, "Low": 2, "Medium": 3, "High": 4, "Critical": 5}
_UNHEARD_OF = 99


class Bar(StrEnum):
    """From which severity on an image is refused."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """Its place in Harbor's order."""
        return _RANKS[self.value.capitalize()]

    @property
    def words(self) -> str:
        """Say what is refused: ``high and above``."""
        return self.value if self is Bar.CRITICAL else f"{self.value} and above"


def rank(severity: str) -> int:
    """Place a severity in Harbor's order, unheard-of words highest."""
    return _RANKS.get(severity, _UNHEARD_OF)


def worst(found: Iterable[Vulnerability]) -> int:
    """Give the rank of the worst finding, 0 without any."""
    return max((rank(each.severity) for each in found), default=0)


def word_for(severity: str) -> str:
    """Name a severity for a person."""
    return severity if severity in _RANKS else f"{severity!r}, which counts as the highest"
