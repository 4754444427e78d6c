"""From a taken artifact to images: one per platform that is wanted."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from preheat.plan import Decision, Reason, ReasonCode
from preheat.policy.model import OnMissing
from preheat.policy.placing import Chosen, label_of
from preheat.policy.platforms import ATTESTATION_PLATFORM, normal_platform

if TYPE_CHECKING:
    from collections.abc import Sequence

    from preheat.artifact import Artifact, Child, Tag
    from preheat.policy.model import Platforms

__all__ = ["Choosing", "Pick"]

_Order: TypeAlias = tuple[int, str, str, int]


@dataclass(slots=True)
class Pick:
    """A rule's word that an artifact is in.

    :param rule_index: place of the rule in its file; -1 for a pin.
    :param rank: place in its group, 0 for the newest.
    :param tags: the tags that matched, the one that speaks for it first.
    """

    rule_index: int
    rank: int
    tags: tuple[Tag, ...]
    reasons: list[Reason] = field(default_factory=list)


class Choosing:
    """Splits taken artifacts into platforms and collects the images to place.

    :param platforms: what the policy says.
    :param wanted: for each cluster its normal platforms; an empty one takes any.
    :ivar wanted: the normal platforms of all clusters together; empty takes any.
    """

    def __init__(self, platforms: Platforms, wanted: Sequence[tuple[str, ...]]) -> None:
        self.failures: list[str] = []
        self._platforms = platforms
        takes_any = not all(wanted)
        self.wanted = () if takes_any else tuple(dict.fromkeys(p for each in wanted for p in each))
        self._chosen: dict[tuple[str, str, str, str], tuple[_Order, Chosen]] = {}

    def chosen(self) -> list[Chosen]:
        """Give the images in the order of the rules, by repository, newest first."""
        return [image for _, image in sorted(self._chosen.values(), key=lambda item: item[0])]

    def choose(
        self, artifact: Artifact, picks: Sequence[Pick], others: tuple[Reason, ...] = ()
    ) -> list[Decision]:
        """Decide for each platform of a taken artifact, and for each wanted one that it lacks.

        :param others: why other rules do not take it.
        """
        decisions = self._split(artifact, picks)
        return [replace(each, others=others) for each in decisions] if others else decisions

    def _split(self, artifact: Artifact, picks: Sequence[Pick]) -> list[Decision]:
        picked = dict.fromkeys(tag.name for pick in picks for tag in pick.tags)
        tags = tuple(picked)
        all_tags = tuple(dict.fromkeys((*tags, *(tag.name for tag in artifact.tags))))
        if not artifact.children:
            return [self._select(artifact, picks, tags, all_tags, artifact.digest, "")]
        decisions = [
            self._select(artifact, picks, tags, all_tags, child.digest, child.platform)
            if self._is_wanted(child)
            else self._decision(artifact, all_tags, child.platform, (self._not_wanted(child),))
            for child in artifact.children
        ]
        had = {normal_platform(child.platform) for child in artifact.children}
        missing = [platform for platform in self.wanted if platform not in had]
        decisions.extend(self._miss(artifact, all_tags, platform) for platform in missing)
        return decisions

    def _is_wanted(self, child: Child) -> bool:
        if child.platform == ATTESTATION_PLATFORM:
            return False
        return not self.wanted or normal_platform(child.platform) in self.wanted

    def _not_wanted(self, child: Child) -> Reason:
        met = f"the platform is {child.platform}"
        if child.platform == ATTESTATION_PLATFORM:
            detail = f"{met}: an attestation, not an image"
        else:
            detail = f"{met}; wanted are {', '.join(self.wanted)}"
        return Reason(ReasonCode.PLATFORM_NOT_WANTED, detail, "", self._platforms.line)

    def _miss(self, artifact: Artifact, tags: tuple[str, ...], platform: str) -> Decision:
        has = ", ".join(child.platform for child in artifact.children)
        detail = f"there is no image for {platform}; it has {has}"
        if self._platforms.on_missing is OnMissing.FAIL:
            label = label_of(artifact.full_name, tags, artifact.digest)
            self.failures.append(f"{label}: {detail}, and platforms.onMissing is fail.")
        reason = Reason(ReasonCode.PLATFORM_MISSING, detail, "", self._platforms.line)
        return self._decision(artifact, tags, platform, (reason,))

    def _select(
        self,
        artifact: Artifact,
        picks: Sequence[Pick],
        tags: tuple[str, ...],
        all_tags: tuple[str, ...],
        digest: str,
        platform: str,
    ) -> Decision:
        """Choose an image, unless another artifact of the repository already brought it."""
        reasons = tuple(reason for pick in picks for reason in pick.reasons)
        name = (artifact.registry, artifact.full_name, digest, platform)
        pinned = picks[0].rule_index < 0
        if name in self._chosen:
            order, chosen = self._chosen[name]
            self._chosen[name] = order, replace(chosen, pinned=chosen.pinned or pinned)
            same = label_of(artifact.full_name, chosen.tags, digest, platform)
            first = Reason(ReasonCode.SAME_DIGEST_AS, f"the same image as {same}, warmed once")
            return self._decision(artifact, all_tags, platform, (first, *reasons))
        order = (picks[0].rule_index, artifact.registry, artifact.full_name, picks[0].rank)
        self._chosen[name] = order, Chosen(artifact, digest, platform, tags, pinned)
        return self._decision(artifact, all_tags, platform, reasons, image=digest)

    def _decision(
        self,
        artifact: Artifact,
        tags: tuple[str, ...],
        platform: str,
        reasons: tuple[Reason, ...],
        *,
        image: str = "",
    ) -> Decision:
        return Decision(
            registry=artifact.registry,
            repository=artifact.full_name,
            digest=artifact.digest,
            tags=tags,
            platform=platform,
            selected=bool(image),
            reasons=reasons,
            image=image,
        )
