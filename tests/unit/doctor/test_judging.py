"""The doctor's judgement, on values: endpoints, pools, how it is told. No network."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from preheat.checks import CheckItem
from preheat.doctor import (
    AirflowSide,
    Examination,
    Observation,
    Pool,
    Setup,
    State,
    as_data,
    examine,
    told,
)
from preheat.doctor.airflowside import health, pool, triggerer
from preheat.doctor.endpoints import compare
from preheat.doctor.observations import of_item
from preheat.errors import InputError, LedgerError
from preheat.policy.model import Cluster, Clusters

EU = Cluster("eu-1", "dragonfly_default", 1, pool="preheat_eu-1", max_concurrent_jobs=8)
HARBOR = "https://harbor.example.com"


def airflow(pools: dict[str, Pool] | None, capacity: int = 1000) -> AirflowSide:
    """Describe Airflow."""
    return AirflowSide("3.3.2", pools, capacity)


@pytest.mark.parametrize(
    ("endpoint", "external", "state"),
    [
        (HARBOR, HARBOR, State.OK),
        ("http://harbor.example.com", HARBOR, State.WRONG),
        ("https://harbor.example.com:443", HARBOR, State.WRONG),
        ("https://harbor.example.com:8443", HARBOR, State.WRONG),
        ("https://Harbor.example.com", HARBOR, State.WRONG),
        ("https://mirror.example.com", HARBOR, State.LOOK),
        ("https://harbor", HARBOR, State.LOOK),
        (HARBOR, "", State.SKIPPED),
    ],
)
def test_a_pull_endpoint_is_right_to_the_letter(endpoint: str, external: str, state: State) -> None:
    """Dragonfly's cache key is the whole URL (task_id.go); only another host can be meant so."""
    seen = compare("eu-1", endpoint, external)
    assert seen.state is state
    assert bool(seen.advice) is (state in {State.WRONG, State.LOOK})


@pytest.mark.parametrize(
    ("found", "state", "words"),
    [
        (Pool(8, include_deferred=True), State.OK, "8 slots"),
        (Pool(4, include_deferred=True), State.LOOK, "4 slots"),
        (Pool(9, include_deferred=True), State.WRONG, "9 slots"),
        (Pool(-1, include_deferred=True), State.WRONG, "no limit"),
        (Pool(0, include_deferred=True), State.WRONG, "no slots"),
        (Pool(8, include_deferred=False), State.WRONG, "does not count deferred"),
        (None, State.WRONG, "no pool preheat_eu-1"),
    ],
)
def test_a_pool_must_cap_the_jobs_in_flight(found: Pool | None, state: State, words: str) -> None:
    """Without it nothing runs; with deferred tasks uncounted, or more slots, it caps nothing."""
    (seen,) = pool(EU, airflow({"preheat_eu-1": found} if found else {}))
    assert (seen.state, words in seen.detail) == (state, True)


def test_pools_out_of_sight_are_not_called_missing() -> None:
    """A task may not look into Airflow's database; that says nothing of the pools."""
    (seen,) = pool(EU, airflow(None))
    assert seen.state is State.SKIPPED


@pytest.mark.parametrize(
    ("told", "state", "words"),
    [
        (None, State.SKIPPED, "base_url"),
        (InputError("nobody there"), State.LOOK, "nobody there"),
        ({"scheduler": "healthy", "triggerer": "healthy"}, State.OK, "scheduler, triggerer"),
        ({"scheduler": "healthy", "triggerer": "unhealthy"}, State.WRONG, "triggerer unhealthy"),
        ({"scheduler": "healthy", "triggerer": None}, State.WRONG, "triggerer never ran"),
    ],
)
def test_a_dead_triggerer_is_not_called_well(told: Any, state: State, words: str) -> None:
    """Its capacity is a setting; only its heartbeat says that it runs."""
    (seen,) = health(replace(airflow(None), health=told))
    assert seen.state is state
    assert words in seen.detail


@pytest.mark.parametrize(("capacity", "state"), [(9, State.OK), (8, State.LOOK)])
def test_one_triggerer_should_follow_all_jobs(capacity: int, state: State) -> None:
    """Jobs beyond its capacity wait unfollowed."""
    (seen,) = triggerer(setup(clusters=Clusters((EU,)), airflow=airflow({}, capacity)))
    assert seen.state is state


@pytest.mark.parametrize(
    ("item", "state"),
    [
        (CheckItem("a", ok=True, detail="d"), State.OK),
        (CheckItem("a", ok=True, detail="d", advice="do"), State.LOOK),
        (CheckItem("a", ok=True, detail="d", advice="now", serious=True), State.WRONG),
        (CheckItem("a", ok=False, detail="d"), State.WRONG),
    ],
)
def test_a_connection_test_is_taken_over(item: CheckItem, state: State) -> None:
    """A manager with a known hole works, and is wrong all the same (CVE-2026-24124)."""
    assert of_item("x", item).state is state


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ([State.OK, State.LOOK, State.SKIPPED], 0),
        ([State.OK, State.UNKNOWN], 2),
        ([State.UNKNOWN, State.WRONG], 1),
        ([], 0),
    ],
)
def test_the_exit_code_says_what_there_is_to_do(states: list[State], code: int) -> None:
    """Advice is no failure; what is wrong counts before what could not be looked at."""
    seen = Examination(tuple(Observation("a", "b", state, "d") for state in states))
    assert seen.exit_code == code
    assert as_data(seen)["exit_code"] == code


def test_the_table_keeps_to_its_width() -> None:
    """No line is longer than a terminal; control characters of foreign words are gone."""
    long = Observation("harbor_default", "token (scope job)", State.WRONG, "word " * 60, "do " * 60)
    rude = Observation("harbor_default", "x", State.OK, "a\x1b[31mb\nc")
    lines = [line for _, line in told(Examination((long, rude)), width=80)]
    assert max(map(len, lines)) <= 80
    assert all(line.isprintable() for line in lines)
    assert sum("->" in line for line in lines) == 1
    assert lines[-1] == "1 wrong, 1 ok."


def setup(**changes: object) -> Setup:
    """Describe an installation of which nothing can be reached."""
    nothing = InputError("There is no connection.")
    values: dict[str, object] = {
        "clusters": Clusters((EU,)),
        "policies": (),
        "harbors": {"harbor_default": nothing},
        "drivers": {"dragonfly_default": nothing},
        "ledger": LedgerError("The ledger does not work."),
        "airflow": airflow({"preheat_eu-1": Pool(8, include_deferred=True)}),
        **changes,
    }
    return Setup(**values)  # type: ignore[arg-type] # a maker of test values


def test_what_is_missing_hides_nothing_else() -> None:
    """Every other check still says its word."""
    seen = {(one.about, one.check): one.state for one in look(setup()).observations}
    assert seen["ledger", "database"] is State.WRONG
    assert seen["harbor_default", "connection"] is State.WRONG
    assert seen["dragonfly_default", "connection"] is State.WRONG
    assert seen["eu-1", "pool"] is State.OK
    assert seen["eu-1", "seed peers"] is State.SKIPPED
    assert seen["Airflow", "triggerer capacity"] is State.OK


def test_a_mistake_in_one_check_hides_nothing_else() -> None:
    """Something that no check foresaw is told as such, and asks for a report."""
    broken = setup(drivers={"dragonfly_default": object()})
    seen = {(one.about, one.check): one for one in look(broken).observations}
    assert seen["dragonfly_default", "connection"].state is State.UNKNOWN
    assert "AttributeError" in seen["dragonfly_default", "connection"].detail
    assert seen["eu-1", "pool"].state is State.OK


def look(installation: Setup) -> Examination:
    """Examine it now."""
    return examine(installation, lambda: datetime.now(UTC))


def test_two_names_for_the_same_peers_are_worth_a_look() -> None:
    """An entry that was copied, and whose id nobody changed."""
    other = replace(EU, name="us-1")
    seen = {
        (one.about, one.check): one
        for one in look(setup(clusters=Clusters((EU, other)))).observations
    }
    found = seen["us-1", "same peers"]
    assert found.state is State.LOOK
    assert found.detail == "eu-1, us-1 both mean scheduler cluster 1 of dragonfly_default"
    assert "schedulerClusterId" in found.advice
