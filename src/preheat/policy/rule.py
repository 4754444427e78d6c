"""Sources and rules: where candidates come from, and what makes one of them selected."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from preheat.policy.criteria.group import Group
from preheat.policy.criteria.order import Order
from preheat.policy.criteria.take import Take

if TYPE_CHECKING:
    from collections.abc import Hashable
    from datetime import datetime

    from preheat.artifact import Artifact, Tag
    from preheat.facts import Inquiry
    from preheat.plan import Reason
    from preheat.policy.candidate import Candidate
    from preheat.policy.criteria.repository import RepositoryCriterion
    from preheat.policy.criteria.type import TypeCriterion
    from preheat.policy.matchers import Matcher

__all__ = ["Criterion", "Gate", "Rule", "Source"]


class Criterion(Protocol):
    """One question a rule asks of an artifact; see ``preheat.policy.criteria``."""

    @property
    def name(self) -> str:
        """The key of the rule."""
        ...

    @property
    def line(self) -> int | None:
        """1-based line of the key in the policy file."""
        ...

    def likeness(self, artifact: Artifact, tags: tuple[Tag, ...]) -> Hashable | None:
        """Give a value that artifacts share for which the answer is the same, to the word.

        It may be given only where an artifact that passes keeps all its tags; None where each
        artifact must be judged for itself.
        """
        ...

    def judge(self, candidate: Candidate) -> tuple[Tag, ...] | Reason:
        """Give the tags that still speak for the artifact, or the reason why it is out."""
        ...


class Gate(Protocol):
    """What every image must pass, whatever rule selects it; it may need more than the listing."""

    @property
    def name(self) -> str:
        """The key below ``gates``."""
        ...

    @property
    def line(self) -> int | None:
        """1-based line of the key in the policy file."""
        ...

    def judge(
        self, artifact: Artifact, inquiry: Inquiry, now: datetime, platforms: tuple[str, ...]
    ) -> Reason | None:
        """Say why the artifact is out; None if it passes, or while a question is open.

        A reason that may go by itself is :class:`preheat.plan.Waiting`.
        """
        ...

    def warnings(self, now: datetime) -> tuple[str, ...]:
        """Tell what a reader of the plan should know, such as an exception that has expired."""
        ...


@dataclass(frozen=True, slots=True)
class Rule:
    """One named way into the plan; an artifact is selected if any rule selects it.

    :param repositories: asked first, once a repository; None for all of them.
    :param criteria: asked in this order, cheap ones first.
    """

    name: str
    repositories: RepositoryCriterion | None = None
    criteria: tuple[Criterion, ...] = ()
    order: Order = field(default_factory=Order)
    group: Group = field(default_factory=Group)
    take: Take = field(default_factory=Take)
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Where candidates come from.

    :param registry: Airflow connection id of a Harbor.
    :param projects: matchers of project names.
    :param types: the criterion on artifact types.
    """

    registry: str
    projects: tuple[Matcher, ...]
    types: TypeCriterion
    line: int | None = None

    def covers(self, registry: str, project: str) -> bool:
        """Whether an artifact of this project is a candidate."""
        return registry == self.registry and any(matches(project) for matches in self.projects)
