"""Findings as JSON: all that was counted is kept, the words of others are cut."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import msgspec

from preheat.verdict import Finding

__all__ = ["as_data", "cut", "from_data"]

WORDS_LENGTH = 2000
LAYER_WORDS_LENGTH = 300


def as_data(finding: Finding) -> dict[str, Any]:
    """Write a finding: every missing layer with its size and hosts."""
    data = asdict(finding)
    data["words"] = cut(finding.words)
    for layer in data["missing"]:
        layer["words"] = cut(layer["words"], LAYER_WORDS_LENGTH)
    return data


def from_data(data: dict[str, Any]) -> Finding:
    """Read a finding back."""
    return msgspec.convert(data, Finding)


def cut(words: str, length: int = WORDS_LENGTH) -> str:
    """Bound words that others wrote; PostgreSQL takes no NUL."""
    clean = words.replace("\x00", "\ufffd")
    return clean if len(clean) <= length else f"{clean[: length - 1]}…"
