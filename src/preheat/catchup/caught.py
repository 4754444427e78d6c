"""What one way of catching up brought."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Caught"]


@dataclass(frozen=True, slots=True)
class Caught:
    """How many events were told.

    :param new: those that the inbox did not know.
    :param repeated: those that it knew from an earlier telling.
    :param warnings: what was passed over, and why, a sentence each.
    """

    new: int = 0
    repeated: int = 0
    warnings: tuple[str, ...] = ()

    def __add__(self, other: Caught) -> Caught:
        return Caught(
            self.new + other.new, self.repeated + other.repeated, self.warnings + other.warnings
        )
