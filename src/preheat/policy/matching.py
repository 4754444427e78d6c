"""First half of an evaluation: what the listing alone decides.

Source and type, repository, tags, labels, versions, age; what is left is put into groups, newest
first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from preheat.plan import Reason
from preheat.policy.candidate import Candidate
from preheat.policy.criteria.group import key_of
from preheat.policy.decisions import Rejected
from preheat.policy.ordering import Match, newest_first

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from preheat.artifact import Artifact, Tag
    from preheat.catalogue import Catalogue, Repository
    from preheat.policy.model import Policy
    from preheat.policy.pins import Pin
    from preheat.policy.rule import Rule, Source

__all__ = ["Entry", "Matching", "Pinned", "judge"]

GroupKey = tuple[str, ...]


@dataclass(slots=True)
class Entry:
    """One candidate, and why rules do not take it."""

    artifact: Artifact
    reasons: list[Reason] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Pinned:
    """A pin and the entry it means."""

    pin: Pin
    index: int


class Matching:
    """Judges a catalogue by the criteria of a policy.

    :ivar parts: all candidates in reading order: whole repositories that are out, or the index of
        an entry.
    :ivar groups: for each rule its groups, newest first.
    :ivar warnings: what a reader should know.
    """

    def __init__(self, policy: Policy, catalogue: Catalogue, now: datetime) -> None:
        self.entries: list[Entry] = []
        self.parts: list[Rejected | int] = []
        self.pinned: list[Pinned] = []
        self.warnings: list[str] = []
        self._rules = policy.rules
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
        for place, repositories in catalogue.projects.items():
            covering = [source for source in sources if source.covers(*place)]
            if covering:
                met.append(place)
                types: dict[str, tuple[Reason, ...]] = {}
                for repository in repositories:
                    self._repository(repository, covering, types)
        self.warnings.extend(_unmatched(sources, met))

    def _repository(
        self,
        repository: Repository,
        sources: Sequence[Source],
        types: dict[str, tuple[Reason, ...]],
    ) -> None:
        """Judge the name once; what no rule looks at is out as a whole."""
        rules: list[tuple[int, Rule]] = []
        reasons: list[Reason] = []
        for index, rule in enumerate(self._rules):
            out = rule.repositories.judge(repository.name) if rule.repositories else None
            if out is None:
                rules.append((index, rule))
            else:
                reasons.append(out)
        pins = self._pins.get((repository.registry, repository.project, repository.name), [])
        for artifact in repository.artifacts:
            if artifact.type not in types:
                types[artifact.type] = _type_reasons(artifact.type, sources)
        if not rules and not pins and not any(types[a.type] for a in repository.artifacts):
            self.parts.append(Rejected(repository.artifacts, tuple(reasons)))
            return
        for artifact in repository.artifacts:
            self._artifact(artifact, types[artifact.type], reasons, rules)
        first = len(self.entries) - len(repository.artifacts)
        self._pin(first, pins)

    def _artifact(
        self,
        artifact: Artifact,
        wrong_type: tuple[Reason, ...],
        reasons: Sequence[Reason],
        rules: Sequence[tuple[int, Rule]],
    ) -> None:
        index = len(self.entries)
        self.parts.append(index)
        if wrong_type:
            self.entries.append(Entry(artifact, list(wrong_type)))
            return
        entry = Entry(artifact, list(reasons))
        self.entries.append(entry)
        candidate = Candidate(artifact, artifact.tags, self._now)
        for number, rule in rules:
            candidate.tags = artifact.tags
            outcome = judge(rule, candidate)
            if isinstance(outcome, Reason):
                entry.reasons.append(outcome)
            else:
                self._group(number, rule, index, artifact, outcome)

    def _group(
        self, number: int, rule: Rule, index: int, artifact: Artifact, tags: tuple[Tag, ...]
    ) -> None:
        groups = self._open[number]
        if not rule.group.texts:
            key = key_of(rule.group, artifact, tags[0])
            groups.setdefault(key, []).append(Match(index, artifact, tags))
            return
        by_key: dict[GroupKey, list[Tag]] = {}
        for tag in tags:
            by_key.setdefault(key_of(rule.group, artifact, tag), []).append(tag)
        for key, own in by_key.items():
            groups.setdefault(key, []).append(Match(index, artifact, tuple(own)))

    def _pin(self, first: int, pins: Sequence[Pin]) -> None:
        for pin in pins:
            for index in range(first, len(self.entries)):
                if pin.means(self.entries[index].artifact):
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
                    f"The pin of {pin} (line {pin.line}) means no artifact of {pin.registry}."
                )
        for rule, groups in zip(policy.rules, self.groups, strict=True):
            if not groups:
                self.warnings.append(f"The rule {rule.name!r} selected nothing.")


def judge(rule: Rule, candidate: Candidate) -> tuple[Tag, ...] | Reason:
    """Ask the criteria of a rule in turn; an artifact keeps the tags that pass them all."""
    for criterion in rule.criteria:
        outcome = criterion.judge(candidate)
        if isinstance(outcome, Reason):
            return outcome
        candidate.tags = outcome
    return candidate.tags


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
