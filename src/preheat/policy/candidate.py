"""What a criterion looks at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from preheat.artifact import Artifact, Tag

__all__ = ["Candidate"]


@dataclass(slots=True)
class Candidate:
    """One artifact on its way through the criteria of one rule.

    :param tags: those that still speak for it; each criterion may leave fewer.
    :param now: the moment of the evaluation; criteria have no clock of their own.
    """

    artifact: Artifact
    tags: tuple[Tag, ...]
    now: datetime
