"""The doctor looks at our DAGs in Airflow, and at webhooks where policies run on events."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from preheat.doctor import AirflowSide, Setup, State
from preheat.doctor.dags import dags, webhooks
from preheat.errors import InputError, LedgerError
from preheat.policy.folder import PolicyEntry
from preheat.policy.loader import load_policy
from preheat.policy.model import Cluster, Clusters

CLUSTERS = Clusters((Cluster("eu-1", "d", 1, pull_endpoints={"harbor_default": "https://h"}),))
CRON = {"schedule": {"cron": "0 2 * * *", "timezone": "UTC"}}
EVENTS = {"events": ["pushed"]}


def policy(name: str, triggers: dict[str, Any] | None = None, **spec: Any) -> PolicyEntry:
    """Load a policy of ``harbor_default``."""
    text = json.dumps({
        "apiVersion": "preheat/v1alpha1",
        "kind": "PreheatPolicy",
        "metadata": {"name": name},
        "spec": {
            "sources": [{"registry": "harbor_default", "projects": ["web"]}],
            "rules": [{"name": "all"}],
            "targets": [{"cluster": "eu-1", "scope": "all_peers"}],
            "triggers": triggers or CRON,
            **spec,
        },
    })
    path = Path(f"{name}.yaml")
    return PolicyEntry(path, load_policy(text, path.name, CLUSTERS))


def setup(*policies: PolicyEntry, paused: dict[str, bool] | None = None, **more: Any) -> Setup:
    """Describe an installation of these policies."""
    values: dict[str, Any] = {
        "clusters": CLUSTERS,
        "policies": policies,
        "harbors": {"harbor_default": object()},
        "drivers": {},
        "ledger": LedgerError("The ledger does not work."),
        "airflow": AirflowSide("3.3.2", {}, 1000, paused=paused),
        **more,
    }
    return Setup(**values)


ALL = dict.fromkeys(
    ("preheat__web", "preheat_images", "preheat_upkeep", "preheat_verify", "preheat_events"), False
)


@pytest.mark.parametrize(
    ("paused", "state", "words"),
    [
        pytest.param(None, State.SKIPPED, "cannot be seen", id="a task"),
        pytest.param(ALL, State.OK, "5 DAGs, none paused", id="all run"),
        pytest.param(
            {**ALL, "preheat_upkeep": True},
            State.LOOK,
            "paused: preheat_upkeep;",
            id="one is paused",
        ),
        pytest.param(
            {**ALL, "preheat_events": True}, State.WRONG, "waits, for web", id="events wait"
        ),
        pytest.param(
            {name: False for name in ALL if name != "preheat__web"},
            State.LOOK,
            "does not know preheat__web",
            id="one is unknown",
        ),
        pytest.param({**ALL, "preheat__idle": True}, State.OK, "none paused", id="suspended"),
    ],
)
def test_paused_dags_are_told(paused: dict[str, bool] | None, state: State, words: str) -> None:
    """New DAGs are paused, and nothing says so when they do not run."""
    policies = (policy("web", EVENTS), policy("idle", suspend=True))

    (seen,) = dags(setup(*policies, paused=paused))

    assert (seen.state, words in seen.detail) == (state, True)
    assert bool(seen.advice) is (state is not State.OK)


def test_events_may_be_paused_where_no_policy_names_any() -> None:
    """Nobody waits for them."""
    (seen,) = dags(setup(policy("web"), paused={**ALL, "preheat_events": True}))

    assert seen.state is State.OK


def test_many_paused_dags_are_one_line() -> None:
    """After a restore all of them may be."""
    policies = [policy(f"p{number}") for number in range(20)]
    names = {f"preheat__{entry.name}": True for entry in policies}

    (seen,) = dags(setup(*policies, paused={**ALL, **names}))

    assert "preheat__p4 and 15 more" in seen.detail


@pytest.mark.parametrize(
    ("told", "events", "states"),
    [
        (True, True, [State.OK]),
        (False, True, [State.LOOK]),
        (False, False, []),
    ],
)
def test_webhooks_must_be_believed_where_policies_run_on_events(
    told: bool, events: bool, states: list[State]
) -> None:
    """Without an authorization they are refused, and events are only found out."""
    installation = setup(
        policy("web", EVENTS if events else CRON), webhooks={"harbor_default": told}
    )

    assert [seen.state for seen in webhooks("harbor_default", installation)] == states


def test_an_authorization_that_cannot_be_right_is_wrong() -> None:
    """Such as one that can be guessed; a connection that is not there is told once, elsewhere."""
    bad = InputError("the field is shorter than 16 characters")
    there = setup(policy("web", EVENTS), webhooks={"harbor_default": bad})
    with pytest.raises(InputError, match="shorter than 16"):
        list(webhooks("harbor_default", there))

    gone = replace(there, harbors={"harbor_default": InputError("There is no connection.")})
    assert list(webhooks("harbor_default", gone)) == []
