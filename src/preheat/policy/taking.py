"""Second half of an evaluation: which artifacts of each group are taken, gates included.

Gates may need facts that cost a request: they are asked newest first, and only until a group has
given what its rule takes.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from preheat.plan import Reason, ReasonCode, Waiting
from preheat.policy.choosing import Pick
from preheat.policy.criteria.take import From, OnIneligible
from preheat.policy.placing import label_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from preheat.artifact import Artifact
    from preheat.facts import Inquiry
    from preheat.policy.matching import Matching, Pinned
    from preheat.policy.ordering import Match
    from preheat.policy.rule import Gate, Rule

__all__ = ["Gates", "Taking"]

_NAMED = 3


@dataclass(slots=True)
class Gates:
    """All gates of a policy, asked once for each artifact.

    :param platforms: the normal platforms that are wanted; empty takes any.
    """

    gates: Sequence[Gate]
    inquiry: Inquiry
    now: datetime
    platforms: tuple[str, ...]
    known: dict[int, tuple[Reason | None, bool]] = field(default_factory=dict)

    def judge(self, index: int, artifact: Artifact) -> tuple[Reason | None, bool]:
        """Give the reason why an artifact is out, and whether a question about it is open."""
        if index not in self.known:
            before = len(self.inquiry.open)
            reason = self._first_refusal(artifact)
            self.known[index] = reason, len(self.inquiry.open) > before
        return self.known[index]

    def _first_refusal(self, artifact: Artifact) -> Reason | None:
        before = len(self.inquiry.open)
        for gate in self.gates:
            reason = gate.judge(artifact, self.inquiry, self.now, self.platforms)
            if reason is not None or len(self.inquiry.open) > before:
                # What a later gate would cost is asked only of what passes this one.
                return reason
        return None


@dataclass(frozen=True, slots=True)
class Missed:
    """An image that only a gate kept from being taken.

    :param is_newest: whether it would have been one of the newest, not one to roll back to.
    """

    match: Match
    reason: Reason
    is_newest: bool


class Taking:
    """Takes artifacts for one set of facts; nothing of the matching is changed.

    :ivar picks: by entry, why it is in.
    :ivar reasons: by entry, why it is out though it matched.
    """

    def __init__(self, matching: Matching, rules: Sequence[Rule], gates: Gates) -> None:
        self.picks: dict[int, list[Pick]] = defaultdict(list)
        self.reasons: dict[int, tuple[Reason, ...]] = defaultdict(tuple)
        self.warnings: list[str] = []
        self.failures: list[str] = []
        self._gates = gates
        self._takers: set[int] = set()
        for pinned in matching.pinned:
            self._take_pinned(pinned, matching.artifacts[pinned.index])
        for number, (rule, groups) in enumerate(zip(rules, matching.groups, strict=True)):
            missed = [each for group in groups for each in self._group(number, rule, group)]
            self._tell(rule, missed, taken=number in self._takers)

    def _take_pinned(self, pinned: Pinned, artifact: Artifact) -> None:
        pin = pinned.pin
        detail = f"pinned until {pin.until}: {pin.reason}"
        reason = Reason(ReasonCode.PINNED, detail, "", pin.line)
        tags = pin.tags_of(artifact)
        self.picks[pinned.index].append(Pick(-1, 0, tags, [reason]))

    def _group(self, number: int, rule: Rule, group: Sequence[Match]) -> list[Missed]:
        """Walk a group from its newest; give those that only a gate kept from being taken."""
        places = rule.take.places
        strictly = rule.take.from_ is From.MATCHED
        passed_over: list[Missed] = []
        newest = rule.take.newest or len(group)
        taken = doubtful = 0
        place = _place(rule, group)
        for rank, match in enumerate(group):
            filled = places is not None and (rank if strictly else taken) >= places
            if filled:
                self._leave(rule, place, rank, match)
                if doubtful and not strictly and rank < taken + 2 * len(passed_over):
                    # Ask ahead, twice as far each time: few rounds find one that passes.
                    self._gates.judge(match.index, match.artifact)
                continue
            reason, is_open = self._gates.judge(match.index, match.artifact)
            doubtful += is_open
            if reason is None:
                self._take(number, rule, place, rank, match, len(passed_over))
                taken += 1
            else:
                self.reasons[match.index] += (_of_rule(reason, rule),)
                is_newest = (rank if strictly else taken) < newest
                passed_over.append(Missed(match, reason, is_newest))
        return passed_over

    def _leave(self, rule: Rule, place: str, rank: int, match: Match) -> None:
        detail = f"number {rank + 1} {place}"
        reason = Reason(ReasonCode.NOT_NEWEST, detail, rule.name, rule.take.line)
        self.reasons[match.index] += (reason,)

    def _take(
        self,
        number: int,
        rule: Rule,
        place: str,
        rank: int,
        match: Match,
        passed_over: int,
    ) -> None:
        detail = f"number {rank + 1} {place}"
        if passed_over and rule.take.from_ is From.ELIGIBLE and rule.take.newest is not None:
            detail += f"; {passed_over} newer did not pass the gates"
        reasons = [Reason(ReasonCode.SELECTED, detail, rule.name, rule.line)]
        if len(match.tags) > 1:
            others = ", ".join(repr(tag.name) for tag in match.tags[1:])
            detail = f"{others}: same digest as {match.tags[0].name!r}, counted once"
            reasons.append(Reason(ReasonCode.SAME_DIGEST_AS, detail, rule.name, rule.line))
        self.picks[match.index].append(Pick(number, rank, match.tags, reasons))
        self._takers.add(number)

    def _tell(self, rule: Rule, missed: Sequence[Missed], *, taken: bool) -> None:
        """Say once for a rule what its gates kept out."""
        waiting = [each for each in missed if isinstance(each.reason, Waiting)]
        refused = [each for each in missed if not isinstance(each.reason, Waiting)]
        if waiting:
            text = f"The rule {rule.name!r} waits for a scan of {_named(waiting)}."
            self.warnings.append(text)
        if rule.take.newest is not None and rule.take.on_ineligible is not OnIneligible.SKIP:
            newest = [each for each in refused if each.is_newest]
            previous = [each for each in refused if not each.is_newest]
            self._tell_ineligible(rule, newest, previous)
        elif refused and not taken:
            text = f"The rule {rule.name!r} selected nothing: no image passed the gates:"
            self.warnings.append(f"{text} {_named(refused)}.")

    def _tell_ineligible(
        self, rule: Rule, newest: Sequence[Missed], previous: Sequence[Missed]
    ) -> None:
        line = f" (line {rule.take.line})" if rule.take.line else ""
        if newest:
            text = f"The rule {rule.name!r}{line}: the newest did not pass the gates:"
            if rule.take.on_ineligible is OnIneligible.FAIL:
                self.failures.append(f"{text} {_named(newest)}; take.onIneligible is fail.")
            else:
                self.warnings.append(f"{text} {_named(newest)}.")
        if previous:
            text = f"The rule {rule.name!r}{line}: an image to roll back to did not pass the gates:"
            self.warnings.append(f"{text} {_named(previous)}.")


def _named(missed: Sequence[Missed]) -> str:
    """Name the first few, each with its reason."""
    names = "; ".join(
        f"{label_of(artifact.full_name, [each.match.tags[0].name], artifact.digest)}:"
        f" {each.reason.code}, {each.reason.detail}"
        for each in missed[:_NAMED]
        for artifact in (each.match.artifact,)
    )
    return f"{names}; and {len(missed) - _NAMED} more" if len(missed) > _NAMED else names


def _of_rule(reason: Reason, rule: Rule) -> Reason:
    return Reason(reason.code, reason.detail, rule.name, reason.line)


def _place(rule: Rule, group: Sequence[Match]) -> str:
    """Say what a place in the group is a place in; all of a group share what they captured."""
    first = group[0]
    artifact = first.artifact
    where = f"{artifact.project}/{artifact.repository}"
    if not rule.group.by_repository:
        where = artifact.project
    captured = ", ".join(
        f"{text.text} {text.of(first.tags[0].name)!r}" for text in rule.group.texts
    )
    where = f"{where} ({captured})" if captured else where
    take = rule.take
    wanted = "all" if take.newest is None else f"the newest {take.newest}"
    if take.plus_previous:
        wanted = f"{wanted} and {take.plus_previous} before"
    return f"of {len(group)} by {rule.order.by} in {where}; the rule takes {wanted}"
