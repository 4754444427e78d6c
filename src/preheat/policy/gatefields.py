"""Field types that gates, budget and windows share: text in, checked values out."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, WithJsonSchema

from preheat.policy.units import SIZE, parse_size

__all__ = ["DAYS", "ByteSize", "DayName"]

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""Days of the week, in Python's order."""


def _size(value: object) -> object:
    return parse_size(str(value))


ByteSize = Annotated[
    int,
    BeforeValidator(_size),
    WithJsonSchema({"type": "string", "pattern": f"^{SIZE}$", "examples": ["25GiB"]}),
]
DayName = Literal["all", "mon", "tue", "wed", "thu", "fri", "sat", "sun"]
