"""What the run may ask for now: budget, windows, and how many bytes it comes to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from preheat.artifact import Image
from preheat.plan import Disposition
from preheat.policy import budget
from preheat.policy.weighing import weigh
from preheat.policy.windows import OnClosed

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence
    from datetime import datetime

    from preheat.facts import Inquiry
    from preheat.placement import PlacementKey
    from preheat.plan import ClusterBytes, PlannedPlacement
    from preheat.policy.budget import Budget
    from preheat.policy.model import Policy
    from preheat.policy.placing import Placed, Placing
    from preheat.policy.windows import Windows, WindowState

__all__ = ["Limiting"]


class Limiting:
    """Applies the length of a run, budget and windows, in this order.

    :ivar placements: all of them, each with what becomes of it.
    :ivar bytes: by cluster, what is asked for, or would be if the window were open.
    :ivar opens_at: when the run should go on, where the policy waits for its window.
    :ivar question: what a person is to be asked, where the budget says so.
    """

    def __init__(
        self,
        policy: Policy,
        placing: Placing,
        placed: Sequence[Placed],
        inquiry: Inquiry,
        spent: Mapping[str, int],
    ) -> None:
        self.warnings: list[str] = []
        self.failures: list[str] = []
        self.question = ""
        self.opens_at: datetime | None = None
        self._images = {each.planned.key: each.image for each in placed}
        self._inquiry = inquiry
        placements: Sequence[PlannedPlacement] = placing.limit([each.planned for each in placed])
        if policy.budget:
            placements = self._spend(policy.budget, placements, spent)
        asked = [p for p in placements if p.disposition is Disposition.ASK]
        self.bytes: Mapping[str, ClusterBytes] = weigh(asked, self._image)
        if policy.windows:
            placements = self._open(policy.windows, placements, placing.now)
        self.placements = tuple(placements)

    def _image(self, key: PlacementKey) -> Image | None:
        """Give what an image consists of; of a single image unread, one blob of the listed size."""
        image = self._images[key]
        known = self._inquiry.facts.get(image.question)
        if isinstance(known, Image):
            return known
        listed = image.artifact
        if listed.digest != image.digest or not listed.size:
            return None
        return Image.of_size(image.digest, image.platform, listed.size)

    def _name(self, planned: PlannedPlacement) -> Hashable:
        """Name the image as people count: all platforms of an artifact are one."""
        listed = self._images[planned.key].artifact
        return listed.registry, listed.full_name, listed.digest

    def _spend(
        self, limit: Budget, placements: Sequence[PlannedPlacement], spent: Mapping[str, int]
    ) -> Sequence[PlannedPlacement]:
        asked = [p for p in placements if p.disposition is Disposition.ASK]
        if limit.counts_bytes:
            if self._inquiry.open:
                # Reading a manifest counts as a pull: only of what passes every gate.
                return placements
            unknown = [p for p in asked if not self._inquiry.knows(self._images[p.key].question)]
            if unknown:
                return placements
        outcome = budget.apply(
            limit,
            placements,
            image_of=self._image,
            name_of=self._name,
            pushed_at=lambda key: self._images[key].artifact.push_time,
            pinned=lambda key: self._images[key].pinned,
            spent=spent,
        )
        self.warnings += outcome.warnings
        self.failures += outcome.failures
        self.question = outcome.question
        return outcome.placements

    def _open(
        self, windows: Windows, placements: Sequence[PlannedPlacement], now: datetime
    ) -> Sequence[PlannedPlacement]:
        state = windows.state(now)
        if state.open:
            return placements
        if not self.question and not any(p.disposition is Disposition.ASK for p in placements):
            return placements
        self.question = ""  # whoever said yes would ask for images while the window is closed
        self._tell_closed(windows, state)
        return [
            replace(p, disposition=Disposition.WINDOW_CLOSED, detail=state.detail)
            if p.disposition is Disposition.ASK
            else p
            for p in placements
        ]

    def _tell_closed(self, windows: Windows, state: WindowState) -> None:
        line = f" (line {state.line})" if state.line else ""
        match windows.on_closed:
            case OnClosed.WAIT:
                self.opens_at = state.opens_at
                self.warnings.append(f"The window is closed{line}: {state.detail}; the run waits.")
            case OnClosed.SKIP:
                self.warnings.append(
                    f"The window is closed{line}: {state.detail}; nothing is asked."
                )
            case OnClosed.FAIL:
                self.failures.append(f"The window is closed{line}: {state.detail}.")
