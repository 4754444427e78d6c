"""First half of an evaluation: what the listing alone decides.

Source and type, repository, tags, labels, versions, age; what is left is put into groups, newest
first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from preheat.plan import Reason
from preheat.policy.criteria.group import key_of
from preheat.policy.decisions import Rejected
from preheat.policy.judging import Judge
from preheat.policy.ordering import Match, newest_first
from preheat.policy.prefixes import with_project

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from preheat.artifact import Artifact, Tag
    from preheat.catalogue import Catalogue, Repository
    from preheat.policy.criteria.group import Group
    from preheat.policy.model import Policy
    from preheat.policy.pins import Pin
    from preheat.policy.rule import Source

__all__ = ["Matching", "Pinned"]

GroupKey = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pinned:
    """A pin and the entry that it means."""

    pin: Pin
    index: int


class Matching:
    """Judges a catalogue by the criteria of a policy.

    :ivar artifacts: those that were judged one by one; an *entry* is an index of this list.
    :ivar reasons: for each of them, why rules do not take it.
    :ivar parts: all candidates in reading order: repositories that are out, or a range of entries.
    :ivar groups: for each rule its groups, newest first.
    :ivar warnings: what a reader should know.
    """

    def __init__(self, policy: Policy, catalogue: Catalogue, now: datetime) -> None:
        self.artifacts: list[Artifact] = []
        self.reasons: list[tuple[Reason, ...]] = []
        self.parts: list[Rejected | range] = []
        self.pinned: list[Pinned] = []
        self.warnings: list[str] = []
        self._rules = policy.rules
        self._judges = [Judge(rule, now) for rule in policy.rules]
        self._now = now
        self._pins: dict[tuple[str, str, str], list[Pin]] = {}
        for pin in policy.pins:
            if not pin.has_expired(now):
                place = (pin.registry, pin.project, pin.repository)
                self._pins.setdefault(place, []).append(pin)
        self._open: list[dict[GroupKey, list[Match]]] = [{} for _ in policy.rules]
        self._walk(policy.sources, catalogue)
        self.groups = [
            [newest_first(group, rule.order) for group in groups.values()]
            for rule, groups in zip(policy.rules, self._open, strict=True)
        ]
        self._warn(policy)

    def _walk(self, sources: Sequence[Source], catalogue: Catalogue) -> None:
        met: list[tuple[str, str]] = []
        covered: list[Repository] = []
        for place, repositories in catalogue.projects.items():
            covering = [source for source in sources if source.covers(*place)]
            if covering:
                met.append(place)
                covered.extend(repositories)
                for repository in repositories:
                    self._repository(repository, covering)
        self.warnings.extend(_unmatched(sources, met))
        self.warnings.extend(with_project(self._rules, covered))

    def _repository(self, repository: Repository, sources: Sequence[Source]) -> None:
        """Judge the name once; what no rule looks at is out as a whole."""
        rules: list[int] = []
        reasons: list[Reason] = []
        for index, rule in enumerate(self._rules):
            out = rule.repositories.judge(repository.name) if rule.repositories else None
            if out is None:
                rules.append(index)
            else:
                reasons.append(out)
        pins = self._pins.get((repository.registry, repository.project, repository.name), ())
        wrong = {kind: _type_reasons(kind, sources) for kind in repository.types}
        if not rules and not pins and not any(wrong.values()):
            self.parts.append(Rejected(repository.artifacts, tuple(reasons)))
            return
        entries = range(len(self.artifacts), len(self.artifacts) + len(repository.artifacts))
        self.artifacts.extend(repository.artifacts)
        shared = tuple(reasons)
        self.reasons.extend([wrong[a.type] or shared for a in repository.artifacts])
        self.parts.append(entries)
        fitting = [n for n in entries if not wrong[self.artifacts[n].type]]
        for number in rules:
            self._apply(number, fitting)
        self._pin(fitting, pins)

    def _apply(self, number: int, entries: Sequence[int]) -> None:
        """Judge entries of one repository by a rule; put those that pass into groups."""
        rule, judge, groups = self._rules[number], self._judges[number], self._open[number]
        artifacts, reasons = self.artifacts, self.reasons
        matches: list[Match] = []
        for index in entries:
            artifact = artifacts[index]
            outcome = judge(artifact)
            if isinstance(outcome, Reason):
                reasons[index] += (outcome,)
            else:
                matches.append(Match(index, artifact, outcome))
        if not matches:
            return
        if not rule.group.texts:
            # All of one repository are in one group.
            key = key_of(rule.group, matches[0].artifact, matches[0].tags[0])
            groups.setdefault(key, []).extend(matches)
            return
        for match in matches:
            for key, tags in _by_group(rule.group, match.artifact, match.tags):
                groups.setdefault(key, []).append(Match(match.index, match.artifact, tags))

    def _pin(self, entries: Sequence[int], pins: Sequence[Pin]) -> None:
        for pin in pins:
            for index in entries:
                if pin.means(self.artifacts[index]):
                    self.pinned.append(Pinned(pin, index))

    def _warn(self, policy: Policy) -> None:
        found = {pinned.pin for pinned in self.pinned}
        for pin in policy.pins:
            if pin.has_expired(self._now):
                self.warnings.append(
                    f"The pin of {pin} (line {pin.line}) ended on {pin.until}: it counts for"
                    " nothing; prolong it or take it out."
                )
            elif pin not in found:
                self.warnings.append(
                    f"The pin of {pin} (line {pin.line}) means no artifact of {pin.registry} of a"
                    " type that its sources take."
                )
        for rule, groups in zip(policy.rules, self.groups, strict=True):
            if not groups:
                self.warnings.append(f"The rule {rule.name!r} selected nothing.")


def _by_group(
    group: Group, artifact: Artifact, tags: tuple[Tag, ...]
) -> Iterable[tuple[GroupKey, tuple[Tag, ...]]]:
    """Share the tags of an artifact out to the groups that they belong to."""
    if len(tags) == 1:
        return ((key_of(group, artifact, tags[0]), tags),)
    by_key: dict[GroupKey, list[Tag]] = {}
    for tag in tags:
        by_key.setdefault(key_of(group, artifact, tag), []).append(tag)
    return [(key, tuple(own)) for key, own in by_key.items()]


def _type_reasons(kind: str, sources: Sequence[Source]) -> tuple[Reason, ...]:
    """One source that takes the type is enough."""
    reasons = [source.types.judge(kind) for source in sources]
    return () if None in reasons else tuple(reason for reason in reasons if reason)


def _unmatched(sources: Sequence[Source], places: Sequence[tuple[str, str]]) -> list[str]:
    """Say which project patterns met nothing: a typo, or a robot that may not see the project."""
    return [
        f"The source {source.registry!r} has no artifact in a project that matches"
        f" {matcher.pattern!r}: check its spelling, and what the robot account may list."
        for source in sources
        for matcher in source.projects
        if not any(registry == source.registry and matcher(project) for registry, project in places)
    ]
