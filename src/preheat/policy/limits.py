"""What the run may ask for now."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from preheat.facts import Inquiry
    from preheat.plan import ClusterBytes
    from preheat.policy.model import Policy
    from preheat.policy.placing import Placed, Placing

__all__ = ["Limits"]


class Limits:
    """Applies the length of a run; budget and windows follow."""

    def __init__(
        self,
        policy: Policy,
        placing: Placing,
        placed: Sequence[Placed],
        inquiry: Inquiry,
        spent: Mapping[str, int],
    ) -> None:
        del policy, inquiry, spent
        self.warnings: list[str] = []
        self.failures: list[str] = []
        self.question = ""
        self.opens_at: datetime | None = None
        self.placements = placing.limit([each.planned for each in placed])
        self.bytes: Mapping[str, ClusterBytes] = {}
