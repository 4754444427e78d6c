"""Whole policies on whole catalogues: the design's three examples, and every word there is."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from preheat.catalogue import Catalogue
from preheat.plan import Disposition, ReasonCode
from preheat.planning import complete
from preheat.policy.engine import Evaluation
from preheat.policy.loader import load_clusters, load_policy
from preheat.policytest import load_case, run_case
from preheat.policytest.given import artifacts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from preheat.artifact import Artifact
    from preheat.facts import Facts, Question
    from preheat.plan import Plan
    from preheat.policy.model import Clusters, Policy
    from preheat.policytest import Case

ROOT = Path(__file__).parents[3]
LANGUAGE = ROOT / "tests" / "data" / "language"
CASES = sorted(file.stem for file in (LANGUAGE / "tests").glob("*.yaml"))
GUIDE = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "guide.md").read_text(), flags=re.DOTALL)
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def clusters_of(file: Path) -> Clusters:
    """Read an inventory."""
    return load_clusters(file.read_text(), file.name)


INVENTORY = clusters_of(LANGUAGE / "clusters.yaml")
DEMO = clusters_of(ROOT / "include" / "clusters.yaml")


def policy_of(name: str) -> Policy:
    """Read a policy of ``tests/data/language``."""
    text = (LANGUAGE / "policies" / f"{name}.yaml").read_text()
    return load_policy(text, f"{name}.yaml", INVENTORY)


def case_of(name: str) -> Case:
    """Read its test."""
    return load_case((LANGUAGE / "tests" / f"{name}.yaml").read_text(), f"{name}.yaml")


def plan_of(case: Case, policy: Policy, clusters: Clusters) -> Plan:
    """Plan what a case gives."""
    artifacts, facts = artifacts_of(case.given, case.at, "harbor_default", case.allowlists)

    def answer(questions: Sequence[Question]) -> Facts:
        return {question: facts.get(question) for question in questions}

    return complete(Evaluation(policy, Catalogue.of(artifacts), clusters, case.at), answer)


@pytest.mark.parametrize("name", CASES)
def test_a_case_comes_out_as_it_says(name: str) -> None:
    """Each image is in or out, for the reason given."""
    results = run_case(case_of(name), policy_of(name), INVENTORY)
    assert [f"{r.expectation.image}: {r.wrong}, {r.came}" for r in results if not r.passed] == []


def test_a_release_that_fails_its_gate_makes_the_run_red() -> None:
    """``from: matched`` with ``onIneligible: fail``: nothing is put in its place unseen."""
    made = plan_of(case_of("payments-release"), policy_of("payments-release"), INVENTORY)
    (gates, platform) = made.failures
    assert "payments/api:v2.8.1: SEVERITY" in gates
    assert "take.onIneligible is fail" in gates
    assert "payments/api-canary" not in gates  # its scan is on its way: waitForScan
    assert "payments/worker-canary:v3.0.0" in platform
    assert {p.label for p in made.placements} == {"payments/api:v2.8.0 linux/amd64"}


def test_a_version_order_is_no_text_order() -> None:
    """2.10.0 is looked at before 2.4.1, though a text order would put it last."""
    made = plan_of(case_of("ml-nightly"), policy_of("ml-nightly"), INVENTORY)
    (first,) = [d for d in made.decisions if d.tags == ("2.10.0-cuda12.4",)]
    assert first.reasons[0].code is ReasonCode.SEVERITY
    assert not made.failures
    assert any("2.10.0-cuda12.4: SEVERITY" in warning for warning in made.warnings)


def all_plans() -> list[Plan]:
    """Plan every case of these files and of the guide."""
    plans = [plan_of(case_of(name), policy_of(name), INVENTORY) for name in CASES]
    for text, test in zip(GUIDE[::2], GUIDE[1::2], strict=True):
        case = load_case(test, "guide.yaml")
        plans.append(plan_of(case, load_policy(text, f"{case.policy}.yaml", DEMO), DEMO))
    return plans


def test_every_reason_occurs() -> None:
    """No code of the language is a word that nothing ever says."""
    met = {r.code for plan in all_plans() for d in plan.decisions for r in d.reasons}
    assert met == set(ReasonCode)


def test_every_disposition_occurs(plan: Callable[..., Plan], art: Callable[..., Artifact]) -> None:
    """Nor any word on a placement; a dry run is made of a plan by whoever starts the run."""
    artifacts = [art("library/a", 1), art("library/b", 2), art("library/c", 3)]
    first, *_ = plan(artifacts).placements
    warm = {first.key: NOW - timedelta(hours=1)}
    plans = [*all_plans(), plan(artifacts, warm=warm, max_map_length=1)]
    met = {placement.disposition for made in plans for placement in made.placements}
    assert met == set(Disposition) - {Disposition.DRY_RUN, Disposition.LOOK}


def test_every_reason_is_told_with_its_line() -> None:
    """A reason that a rule, a gate or a pin gives says where in the file it stands."""
    lineless = {ReasonCode.SAME_DIGEST_AS, ReasonCode.PLATFORM_NOT_WANTED}
    without = {
        reason.code
        for plan in all_plans()
        for decision in plan.decisions
        for reason in decision.reasons
        if reason.line is None
    }
    assert without <= lineless | {ReasonCode.TYPE_EXCLUDED, ReasonCode.PLATFORM_MISSING}
