"""What a connection test found: one report for Harbor and for Dragonfly."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CheckItem", "CheckReport"]


@dataclass(frozen=True, slots=True)
class CheckItem:
    """One thing that a connection test found; ``advice`` says what to do.

    :param serious: whether the advice must not wait, though the connection works.
    """

    name: str
    ok: bool
    detail: str
    advice: str = ""
    serious: bool = False


@dataclass(frozen=True, slots=True)
class CheckReport:
    """Everything a connection test found."""

    items: tuple[CheckItem, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is broken (advice alone does not break)."""
        return all(item.ok for item in self.items)

    def __str__(self) -> str:
        """Write one line for Airflow's *Test* button."""
        return "; ".join(
            f"{'ok' if item.ok else 'FAILED'} {item.name}: {item.detail}"
            + (f" ({item.advice})" if item.advice else "")
            for item in self.items
        )
