"""Where a plan comes from: a policy over everything, or images that a person typed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from preheat.catalogue import Catalogue
from preheat.errors import Problem, ProblemsError
from preheat.harbor.reference import parse_references
from preheat.harbor.typed import find_all
from preheat.placement import Scope
from preheat.planning import complete, list_artifacts, proved_warm
from preheat.policy.engine import Evaluation
from preheat.policy.images import plan_images
from preheat.policy.model import Target
from preheat.provider.answers import Answers
from preheat.provider.config import max_map_length
from preheat.provider.hooks.harbor import HarborHook

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from preheat.artifact import Artifact
    from preheat.harbor.reference import ImageReference
    from preheat.ledger import Ledger
    from preheat.plan import Plan
    from preheat.policy.model import Cluster, Clusters, Policy

__all__ = [
    "BrokenSource",
    "PlanSource",
    "PolicySource",
    "TypedImagesSource",
    "collect",
    "find_typed",
    "refuse_strangers",
    "with_form",
]

Value = TypeVar("Value")

POLICY_FIELDS = frozenset(("dry_run",))
FORM_FIELDS = frozenset((
    "images",
    "clusters",
    "platforms",
    "scope",
    "registry",
    "reason",
    "dry_run",
))


class PlanSource(Protocol):
    """One way to a plan."""

    def plan(self, ledger: Ledger, params: Mapping[str, Any]) -> Plan:
        """List, evaluate, plan; nothing is submitted.

        :param params: the run's parameters.
        :raises InputError: if what a person gave is wrong.
        :raises RemoteError: if Harbor does not answer as it should.
        """
        ...


@dataclass(frozen=True)
class PolicySource:
    """A policy over every project that its sources name."""

    policy: Policy
    clusters: Clusters

    def plan(self, ledger: Ledger, params: Mapping[str, Any]) -> Plan:
        """Evaluate the policy over what Harbor lists now.

        A dry run may look at a suspended policy, and plans as if its window were open.
        """
        refuse_strangers(params, POLICY_FIELDS)
        is_dry = bool(params.get("dry_run"))
        if self.policy.suspend and not is_dry:
            raise ProblemsError([
                Problem("The policy is suspended: take suspend out to run it.", self.policy.source)
            ])
        clients = {name: HarborHook(name).client() for name in self.policy.registries}
        now = datetime.now(UTC)
        evaluation = Evaluation(
            replace(self.policy, windows=None) if is_dry else self.policy,
            Catalogue.of(list_artifacts(clients, [self.policy])),
            self.clusters,
            now,
            warm=proved_warm(ledger, self.clusters, self.policy.verify.demand),
            spent=ledger.spent(self.policy.name, self.policy.day_of(now), now),
            max_map_length=max_map_length(),
        )
        plan = complete(evaluation, Answers(ledger, clients))
        return self._told(plan, now) if is_dry else plan

    def _told(self, plan: Plan, now: datetime) -> Plan:
        """Add what would keep a run that is not dry from asking at once."""
        told = ["The policy is suspended: it runs dry only."] if self.policy.suspend else []
        windows = self.policy.windows
        if windows and not (state := windows.state(now)).open:
            told.append(f"The window is closed: {state.detail}; planned as if it were open.")
        if plan.over_budget:
            told.append(f"A person would be asked: {plan.over_budget}")
        return replace(plan, warnings=(*plan.warnings, *told))


@dataclass(frozen=True)
class TypedImagesSource:
    """Images, clusters and platforms of the form of ``preheat_images``."""

    clusters: Clusters

    def plan(self, ledger: Ledger, params: Mapping[str, Any]) -> Plan:
        """Find every typed image in Harbor; all problems of the form are reported together."""
        del ledger  # a person who asks for an image wants it asked for, warm or not
        refuse_strangers(params, FORM_FIELDS)
        artifacts, problems = find_typed(str(params["registry"]), str(params["images"]))
        chosen, more = collect(lambda: self._chosen(params["clusters"]))
        problems += more
        if problems:
            raise ProblemsError(problems)
        plan = plan_images(
            artifacts,
            chosen or (),
            platforms=tuple(params["platforms"] or ()),
            target=Target((), Scope(params["scope"])),
            now=datetime.now(UTC),
            max_map_length=max_map_length(),
        )
        return with_form(plan, params)

    def _chosen(self, names: list[str] | None) -> tuple[Cluster, ...]:
        if not names:
            known = ", ".join(self.clusters.names)
            raise ProblemsError([Problem(f"choose at least one of: {known}", "clusters")])
        return self.clusters.named(names)


def refuse_strangers(params: Mapping[str, Any], known: frozenset[str]) -> None:
    """Take no misspelt field for one that was left out: a dry run would be none.

    :raises ProblemsError: with each field that is unknown.
    """
    fields = ", ".join(sorted(known))
    told = f"the fields are {fields}" if len(known) > 1 else f"the only field is {fields}"
    strangers = [
        Problem(f"there is no such field; {told}", name) for name in sorted(set(params) - known)
    ]
    if strangers:
        raise ProblemsError(strangers)


def find_typed(
    registry: str, typed: str
) -> tuple[list[tuple[ImageReference, Artifact]], list[Problem]]:
    """Find every typed image in Harbor, and tell everything that is wrong with what was typed."""
    hook = HarborHook(registry)
    client = hook.client()
    references, problems = collect(lambda: parse_references(typed, host=hook.base_url))
    client.require_known_account()
    artifacts, more = find_all(client, references or ())
    return artifacts, problems + more


def collect(parse: Callable[[], Value]) -> tuple[Value | None, list[Problem]]:
    """Do it, or tell what is wrong, to be told with the rest."""
    try:
        return parse(), []
    except ProblemsError as error:
        return None, list(error.problems)


def with_form(plan: Plan, params: Mapping[str, Any]) -> Plan:
    """Keep what a person typed where other plans keep their policy."""
    form = json.dumps(dict(params), indent=2, sort_keys=True)
    return replace(plan, policy_text=form, policy_hash=hashlib.sha256(form.encode()).hexdigest())


@dataclass(frozen=True)
class BrokenSource:
    """A file that cannot be used: planning tells everything that is wrong with it."""

    problems: tuple[Problem, ...]

    def plan(self, ledger: Ledger, params: Mapping[str, Any]) -> Plan:
        """Refuse.

        :raises ProblemsError: always.
        """
        del ledger, params
        raise ProblemsError(self.problems)
