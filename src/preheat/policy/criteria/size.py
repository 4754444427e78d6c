"""How big an image may be: what one node downloads for one platform, compressed.

Harbor's own rules know no size. The size that Harbor shows for a multi-platform image is that of
all its platforms together, so it decides only where even that is within the limit; else the
manifest of each platform that the policy wants is read. One platform that is too big keeps the
whole image out. What cannot be found out counts as too big.

A single-platform image is judged by Harbor's own figure, which counts the manifest too (a few KiB)
and a layer that occurs twice, twice: reading manifests would move the image's pull time in Harbor.

::

    size: {maxPerImage: 25GiB}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from preheat.artifact import Child, Image
from preheat.facts import Question
from preheat.plan import Reason, ReasonCode
from preheat.policy.fields import Strict
from preheat.policy.gatefields import ByteSize
from preheat.policy.part import Part
from preheat.policy.platforms import ATTESTATION_PLATFORM, normal_platform
from preheat.policy.units import format_size, tell_apart

if TYPE_CHECKING:
    from datetime import datetime

    from preheat.artifact import Artifact
    from preheat.facts import Inquiry
    from preheat.policy.part import At

__all__ = ["PART", "SizeGate", "SizeSpec"]


class SizeSpec(Strict):
    """``gates.size``."""

    shape: ClassVar[str] = "a map such as {maxPerImage: 25GiB}"
    max_per_image: ByteSize = Field(
        description="The most that one platform of an image may weigh, as it is downloaded:"
        " `25GiB` (by 1024), `25GB` (by 1000)."
    )

    def build(self, at: At) -> SizeGate:
        """Make the gate; its line is that of ``maxPerImage``."""
        return SizeGate(self.max_per_image, (at / "maxPerImage").line)


@dataclass(frozen=True, slots=True)
class SizeGate:
    """Keeps artifacts of which no wanted platform is too big.

    :param max_per_image: bytes, included.
    """

    max_per_image: int
    line: int | None = None
    name: ClassVar[str] = "size"

    def warnings(self, now: datetime) -> tuple[str, ...]:
        """Tell nothing: this gate has no exceptions."""
        del now
        return ()

    def judge(
        self, artifact: Artifact, inquiry: Inquiry, now: datetime, platforms: tuple[str, ...]
    ) -> Reason | None:
        """Give the reason why the artifact is out; None if it passes or the answer is open.

        The size of an index is the sum over its children and itself, thus an upper bound
        (harbor: src/controller/artifact/abstractor.go); 0 means that nobody told.
        """
        del now  # a size has no age
        if 0 < artifact.size <= self.max_per_image:
            return None
        if artifact.size and _is_single(artifact):
            named = artifact.children[0].platform if artifact.children else ""
            return self._too_big(named, artifact.size)
        return self._judge_images(artifact, inquiry, _wanted(artifact, platforms))

    def _judge_images(
        self, artifact: Artifact, inquiry: Inquiry, children: tuple[Child, ...]
    ) -> Reason | None:
        """Ask for all platforms at once, but for none when a known one is too big already."""
        questions = {Question.of_image(artifact, child): child for child in children}
        for question, child in questions.items():
            if question in inquiry.facts:
                reason = self._judge_image(child, inquiry.facts[question])
                if reason is not None:
                    return reason
        for question in questions:
            inquiry.knows(question)
        return None

    def _judge_image(self, child: Child, image: object) -> Reason | None:
        if not isinstance(image, Image):
            limit = format_size(self.max_per_image)
            met = f"the manifest of {child.platform or 'the image'} cannot be read, so its size is"
            return self._reason(f"{met} not known; maxPerImage is {limit}")
        if image.size <= self.max_per_image:
            return None
        return self._too_big(child.platform, image.size)

    def _too_big(self, platform: str, size: int) -> Reason:
        met, limit = tell_apart(size, self.max_per_image)
        return self._reason(f"{platform or 'the image'} is {met}; maxPerImage is {limit}")

    def _reason(self, detail: str) -> Reason:
        return Reason(ReasonCode.TOO_BIG, detail, "", self.line)


def _is_single(artifact: Artifact) -> bool:
    """Whether the artifact is itself the one manifest that nodes pull."""
    return all(child.digest == artifact.digest for child in artifact.children)


def _wanted(artifact: Artifact, platforms: tuple[str, ...]) -> tuple[Child, ...]:
    if not artifact.children:
        return (Child(artifact.digest, ""),)
    return tuple(
        child
        for child in artifact.children
        if child.platform != ATTESTATION_PLATFORM
        and (not platforms or normal_platform(child.platform) in platforms)
    )


PART = Part("spec.gates.size", __name__, SizeSpec, (ReasonCode.TOO_BIG,))
