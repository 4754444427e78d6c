"""What a proof rests on: when a cluster is set up anew, nothing is proved there any more."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from preheat.placement import Scope
from preheat.verdict import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.ledger import Ledger, RunRef, StoredPlacement
    from preheat.plan import Plan, PlannedPlacement

    MakePlan = Callable[..., Plan]
    Planned = Callable[..., PlannedPlacement]

WARM = Finding(Verdict.WARM, 1, 1, 5, 5)
HOSTS = {"seed_peers": ("10.0.0.9",), "peers": ("10.0.0.1", "10.0.0.2")}


@pytest.fixture
def proved(ledger: Ledger, placement_id: int, run: RunRef) -> StoredPlacement:
    """Prove the placement of every host warm."""
    claim = ledger.open_attempt(placement_id, owner="me", run=run, lease_seconds=60)
    ledger.close_attempt(claim.attempt.id, WARM)
    return ledger.placement(placement_id)


@pytest.fixture
def again(
    ledger: Ledger, placement_id: int, plan: MakePlan, planned: Planned, run: RunRef
) -> Callable[..., StoredPlacement]:
    """Give a way to plan the placement in a later run of another policy, with other settings."""

    def record(**changes: Any) -> StoredPlacement:
        item = planned()
        item = replace(item, settings=replace(item.settings, **changes))
        other = replace(run, dag_id="preheat__other", run_id="manual__2")
        ledger.record_plan(plan(item), other)
        return ledger.placement(placement_id)

    return record


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"expected_hosts": {"peers": ("10.0.0.1", "10.0.0.3")}}, id="another host"),
        pytest.param({"expected_hosts": {**HOSTS, "peers": ("10.0.0.1",)}}, id="a host less"),
        pytest.param({"connection": "dragonfly_new"}, id="another manager"),
        pytest.param({"scheduler_cluster_id": 2}, id="another scheduler cluster"),
        pytest.param({"driver": "kraken"}, id="another driver"),
    ],
)
def test_a_cluster_that_was_set_up_anew_has_nothing_proved(
    proved: StoredPlacement, again: Callable[..., StoredPlacement], changes: dict[str, Any]
) -> None:
    """A new host is cold, however fresh the proof of the others is."""
    assert proved.verdict is Verdict.WARM
    stored = again(**changes)
    assert (stored.id, stored.verdict) == (proved.id, Verdict.UNKNOWN)
    assert (stored.warm_since, stored.checked_at) == (None, None)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"timeout_seconds": 60, "concurrent_tasks": 1}, id="how it is asked for"),
        pytest.param({"registry": "harbor_new"}, id="the name of Harbor's connection"),
        pytest.param(
            {"expected_hosts": {"peers": ("10.0.0.2", "10.0.0.1"), "seed_peers": ("10.0.0.9",)}},
            id="the order of hosts",
        ),
        pytest.param({"expected_hosts": {**HOSTS, "seed_peers": ()}}, id="hosts of another scope"),
    ],
)
def test_two_policies_that_ask_in_different_ways_share_a_proof(
    proved: StoredPlacement, again: Callable[..., StoredPlacement], changes: dict[str, Any]
) -> None:
    """The placement is the same; only the settings follow the last plan."""
    stored = again(**changes)
    assert (stored.verdict, stored.warm_since) == (Verdict.WARM, proved.warm_since)
    assert stored.checked_at == proved.checked_at
    assert all(getattr(stored.settings, name) == value for name, value in changes.items())


def test_a_scope_without_named_hosts_does_not_depend_on_them(
    ledger: Ledger, plan: MakePlan, planned: Planned, run: RunRef
) -> None:
    """For a single seed any copy will do, so a new host undoes no proof."""
    item = planned()
    item = replace(item, key=replace(item.key, scope=Scope.SINGLE_SEED_PEER, peers=""))
    (recorded,) = ledger.record_plan(plan(item), run).items
    claim = ledger.open_attempt(recorded.placement_id, owner="me", run=run, lease_seconds=60)
    ledger.close_attempt(claim.attempt.id, WARM)
    settings = replace(item.settings, expected_hosts={"seed_peers": ("10.0.0.7",)})
    ledger.record_plan(plan(replace(item, settings=settings)), replace(run, run_id="manual__2"))
    assert ledger.placement(recorded.placement_id).verdict is Verdict.WARM


def test_of_many_placements_only_those_of_the_changed_cluster_fall(
    ledger: Ledger, plan: MakePlan, planned: Planned, run: RunRef
) -> None:
    """Rows are compared one by one, though they are written together."""
    items = [planned(number) for number in (1, 2, 3)]
    for item in ledger.record_plan(plan(*items), run).items:
        claim = ledger.open_attempt(item.placement_id, owner="me", run=run, lease_seconds=60)
        ledger.close_attempt(claim.attempt.id, WARM)
    items[1] = replace(items[1], settings=replace(items[1].settings, connection="dragonfly_new"))
    recorded = ledger.record_plan(plan(*items), replace(run, run_id="manual__2"))
    verdicts = [ledger.placement(item.placement_id).verdict for item in recorded.items]
    assert verdicts == [Verdict.WARM, Verdict.UNKNOWN, Verdict.WARM]
    assert {key.digest for key in ledger.warm()} == {items[0].key.digest, items[2].key.digest}


def test_a_job_of_the_former_cluster_is_not_followed_any_more(
    ledger: Ledger, placement_id: int, run: RunRef, again: Callable[..., StoredPlacement]
) -> None:
    """Its number means another job at another manager, and its verdict would be of other hosts."""
    claim = ledger.open_attempt(placement_id, owner="me", run=run, lease_seconds=60)
    ledger.record_job(claim.attempt.id, 7)
    again(timeout_seconds=60)
    assert ledger.attempt(claim.attempt.id).is_open

    again(connection="dragonfly_new")

    dropped = ledger.attempt(claim.attempt.id)
    assert (dropped.is_open, dropped.verdict, dropped.finding) == (False, Verdict.UNKNOWN, None)
    assert "clusters.yaml changed" in dropped.words
    assert not ledger.close_attempt(claim.attempt.id, WARM)
    assert ledger.placement(placement_id).verdict is Verdict.UNKNOWN
    following = ledger.open_attempt(placement_id, owner="me", run=run, lease_seconds=60)
    assert following.attempt.id != claim.attempt.id
