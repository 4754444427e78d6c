"""What a plan that cannot be made says, and how one waits for its window."""

from __future__ import annotations

import json
import traceback
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred

from preheat.errors import Problem
from preheat.plan import Disposition
from preheat.policy.loader import load_clusters, load_policy
from preheat.provider.operators.plan import EvaluatePolicyOperator
from preheat.provider.sources import BrokenSource, PolicySource
from preheat.sandbox.harbor import ImageSpec, push_image


def test_a_refused_plan_is_told_once(world: Any, context: dict[str, Any]) -> None:
    """Airflow logs an error with its causes: with one, every word would stand there twice."""
    broken = BrokenSource((Problem("The key 'spec' is missing.", "one.yaml", 1),))
    operator = EvaluatePolicyOperator(task_id="plan", source=broken)

    with pytest.raises(AirflowFailException) as caught:
        operator.execute({**context, "params": {}})

    logged = "".join(traceback.format_exception(caught.value))
    assert logged.count("one.yaml:1: The key 'spec' is missing.") == 1


def hours(opens_at: datetime) -> dict[str, Any]:
    """Write a window of two hours, as ``windows``."""
    start, end = (f"{moment:%H:%M}" for moment in (opens_at, opens_at + timedelta(hours=2)))
    allow = {"days": ["all"], "from": start, "to": end, "timezone": "UTC"}
    return {"allow": [allow], "onClosed": "wait"}


def source(world: Any, opens_at: datetime, **keys: Any) -> PolicySource:
    """Build the plan source of a policy that warms within two hours of a day."""
    kinds = ("PreheatClusters", "PreheatPolicy")
    clusters, policy = ({"apiVersion": "preheat/v1alpha1", "kind": kind} for kind in kinds)
    clusters["clusters"] = [
        {
            "name": "us-1",
            "connection": "dragonfly_default",
            "schedulerClusterId": 2,
            "platforms": ["linux/amd64"],
            "pullEndpoints": {"harbor_default": world.sandbox.harbor_url},
        }
    ]
    policy |= {
        "metadata": {"name": "waiting"},
        "spec": {
            "sources": [{"registry": "harbor_default", "projects": ["library"]}],
            "rules": [
                {
                    "name": "followed",
                    "repositories": {"include": [{"exact": "followed"}]},
                    "take": {"newest": 1},
                }
            ],
            "targets": [{"cluster": "us-1", "scope": "single_seed_peer"}],
            "triggers": {"schedule": {"cron": "0 0 * * *", "timezone": "UTC"}},
            "windows": hours(opens_at),
            **keys,
        },
    }
    known = load_clusters(json.dumps(clusters), "clusters.yaml")
    return PolicySource(load_policy(json.dumps(policy, indent=1), "waiting.yaml", known), known)


@pytest.mark.parametrize(
    ("keys", "asked"),
    [
        pytest.param({}, 1, id="in budget"),
        pytest.param({"budget": {"perRun": "0.5KB", "onExceed": "ask"}}, 0, id="nothing fits"),
    ],
)
def test_a_plan_waits_for_its_window_and_is_made_anew(
    world: Any, context: dict[str, Any], keys: dict[str, Any], asked: int
) -> None:
    """It sleeps until the minute it opens; what was pushed meanwhile is in, nothing was asked."""
    now = datetime.now(UTC)
    opens_at = now + timedelta(hours=3)
    operator = EvaluatePolicyOperator(task_id="plan", source=source(world, opens_at, **keys))
    started = {**context, "params": {}}
    run = context["ti"]

    with pytest.raises(TaskDeferred) as caught:
        operator.execute(started)

    assert caught.value.trigger.moment == opens_at.replace(second=0, microsecond=0)
    assert caught.value.method_name == "execute_open"
    assert caught.value.timeout is None
    assert world.ledger.decisions(run.dag_id, run.run_id) == ()

    newer = push_image(
        world.sandbox.harbor.state,
        "library/followed",
        ImageSpec(f"newer {now}", layers=((f"newer {now}", 800),)),
        tags=["2"],
    )
    # Airflow builds the operator again, from the file as it is then: by now its hours are on.
    resumed = EvaluatePolicyOperator(
        task_id="plan", source=source(world, now - timedelta(hours=1), **keys)
    )
    told = resumed.execute_open(started, now)

    decided = world.ledger.decisions(run.dag_id, run.run_id)
    assert [decision.digest for decision in decided if decision.selected] == [newer.digest]
    assert (told["asked"], bool(told["over_budget"])) == (asked, not asked)


def test_a_window_that_closed_again_is_waited_for_again(
    world: Any, context: dict[str, Any]
) -> None:
    """The triggerer was away for hours: whoever resumes looks at the clock."""
    tomorrow = datetime.now(UTC) - timedelta(hours=4)
    operator = EvaluatePolicyOperator(task_id="plan", source=source(world, tomorrow))

    with pytest.raises(TaskDeferred) as caught:
        operator.execute_open({**context, "params": {}}, tomorrow)

    opens_at = (tomorrow + timedelta(days=1)).replace(second=0, microsecond=0)
    assert caught.value.trigger.moment == opens_at


@pytest.mark.parametrize("hours_ahead", [-1, 3])
def test_a_dry_run_waits_for_nothing(world: Any, context: dict[str, Any], hours_ahead: int) -> None:
    """Neither window nor budget nor ``suspend`` is in the way; what they would do is told."""
    opens_at = datetime.now(UTC) + timedelta(hours=hours_ahead)
    keys = {"budget": {"perRun": "0.5KB", "onExceed": "ask"}, "suspend": True}
    operator = EvaluatePolicyOperator(task_id="plan", source=source(world, opens_at, **keys))

    told = operator.execute({**context, "params": {"dry_run": True}})

    run = context["ti"]
    (outcome,) = world.ledger.outcomes(run.dag_id, run.run_id)
    assert (told["asked"], told["over_budget"]) == (0, "")
    assert outcome.disposition is Disposition.DRY_RUN
    assert "budget.perRun" in outcome.detail
    warnings = recorded(world)["warnings"]
    assert "The policy is suspended: it runs dry only." in warnings
    assert any(each.startswith("A person would be asked: ") for each in warnings)
    assert any(each.startswith("The window is closed: ") for each in warnings) is (hours_ahead > 0)


def test_a_dry_run_weighs_what_it_shows(world: Any, context: dict[str, Any]) -> None:
    """Bytes are what people look for in it; outside of the window too."""
    operator = EvaluatePolicyOperator(
        task_id="plan", source=source(world, datetime.now(UTC) + timedelta(hours=3))
    )

    operator.execute({**context, "params": {"dry_run": True}})

    (counted,) = recorded(world)["bytes"].values()
    assert (counted["images"], counted["unknown"]) == (1, 0)
    assert counted["bytes"] > 800


@pytest.mark.parametrize("misspelt", ["dryrun", "dry-run"])
def test_a_misspelt_dry_run_asks_for_nothing(
    world: Any, context: dict[str, Any], misspelt: str
) -> None:
    """Who starts one by the API must not get a run that asks."""
    operator = EvaluatePolicyOperator(task_id="plan", source=source(world, datetime.now(UTC)))

    with pytest.raises(AirflowFailException, match="no such field; the only field is dry_run"):
        operator.execute({**context, "params": {"dry_run": False, misspelt: True}})


def recorded(world: Any) -> dict[str, Any]:
    """Read what the plan says of itself."""
    with world.ledger._engine.begin() as connection:
        row = connection.exec_driver_sql("SELECT bytes, warnings FROM plan").mappings().one()
    return {name: json.loads(value) for name, value in row.items()}
