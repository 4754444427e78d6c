"""What was proved on a cluster as it was described then proves nothing of it as it is now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from preheat.plan import Disposition
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.models.dagrun import DagRun

US_1 = "schedulerClusterId: 2"


@pytest.fixture
def run_twice(place: Any) -> Callable[[str, str], tuple[DagRun, DagRun]]:
    """Give a way to run a policy for all seeds, before and after a change of ``clusters.yaml``."""
    dag_id = place.write_policy("hello")
    policy = place.folder / "policies" / "hello.yaml"
    policy.write_text(policy.read_text().replace("single_seed_peer", "all_seed_peers"))
    clusters = place.folder / "clusters.yaml"
    text = clusters.read_text()

    def run(before: str, after: str) -> tuple[DagRun, DagRun]:
        clusters.write_text(text.replace(US_1, before))
        first = place.run(dag_id)
        clusters.write_text(text.replace(US_1, after))
        return first, place.run(dag_id)

    return run


@pytest.mark.parametrize(
    ("after", "verdict"),
    [
        pytest.param(
            f"{US_1}\n    hosts: {{seedPeers: [10.78.0.11, 10.78.0.99]}}",
            Verdict.PARTIAL,
            id="a seed that is not there",
        ),
        pytest.param("schedulerClusterId: 1", Verdict.WARM, id="another scheduler cluster"),
    ],
)
def test_the_first_run_after_the_change_asks_again(
    place: Any, run_twice: Any, after: str, verdict: Verdict
) -> None:
    """The proof is minutes old and ``freshFor`` a day, and yet the new host is cold."""
    before = place.jobs
    first, second = run_twice(f"{US_1}\n    hosts: {{seedPeers: [10.78.0.11]}}", after)

    assert first.state == "success"
    (outcome,) = place.outcomes(second)
    assert (outcome.disposition, outcome.verdict) == (Disposition.ASK, verdict)
    assert place.jobs == before + 2
    assert second.state == ("success" if verdict is Verdict.WARM else "failed")


def test_a_change_of_no_meaning_asks_nobody(place: Any, run_twice: Any) -> None:
    """The order of hosts and the size of the pool are not what a proof rests on."""
    before = place.jobs
    _, second = run_twice(
        f"{US_1}\n    hosts: {{seedPeers: [10.78.0.11]}}",
        f"{US_1}\n    maxConcurrentJobs: 3\n    hosts: {{seedPeers: ['10.78.0.11']}}",
    )

    (outcome,) = place.outcomes(second)
    assert (outcome.disposition, outcome.verdict) == (Disposition.ALREADY_WARM, Verdict.WARM)
    assert place.jobs == before + 1
