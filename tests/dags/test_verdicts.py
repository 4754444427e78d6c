"""What a policy makes of images that are not warm: repeat, accept, fail, go on in the next run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session

from preheat.demand import VerifyMode
from preheat.plan import Disposition
from preheat.sandbox.harbor import ImageSpec, push_image
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun

RETRY = "retry: {{attempts: {}, backoff: 1s, maxBackoff: 1s}}"


@pytest.fixture
def broken(place: Any, request: pytest.FixtureRequest) -> str:
    """Push an image whose last layer the registry cannot read; gives that layer's digest."""
    seed = request.node.name
    image = push_image(
        place.sandbox.harbor.state,
        "library/half",
        ImageSpec(seed, layers=((f"{seed} a", 900), (f"{seed} b", 700))),
        tags=["1"],
    )
    digest = image.recipe.layers[-1].digest
    place.sandbox.harbor.state.set_blob(digest, "unreadable")
    return str(digest)


def policy_of(place: Any, attempts: int = 1, verify: str = "retry") -> str:
    """Write a policy for the broken image."""
    retry = f"{RETRY.format(attempts)}\n  verify: {{onPartial: {verify}}}"
    return str(place.write_policy("half", image="exact: half", retry=retry))


def tries(run: DagRun) -> list[tuple[str, int]]:
    """List state and number of tries of the tracked instances."""
    return [
        (str(ti.state), ti.try_number)
        for ti in run.get_task_instances()
        if ti.task_id == "us-1.track"
    ]


def test_partial_is_asked_for_again_and_then_red(place: Any, broken: str, said: Any) -> None:
    """As often as the policy allows, then the log names the layer and the reason."""
    before = place.jobs

    run = place.run(policy_of(place, attempts=2))

    assert run.state == "failed"
    assert tries(run) == [("failed", 2)]
    assert place.jobs == before + 2
    heard = said()
    assert f"missing {broken}" in heard
    assert "the registry answers 500" in heard
    assert "PARTIAL after 2 attempts, all that the policy allows" in heard


def test_a_layer_that_heals_is_fetched_by_the_repeat(place: Any, broken: str) -> None:
    """A registry that stumbles for one layer costs one repeat of that layer, nothing else."""
    harbor = place.sandbox.harbor
    harbor.state.set_blob(broken, "ok")
    harbor.faults.add(
        match={"path": f"/blobs/{broken}", "headers": {"user-agent": "dragonfly-peer"}},
        status=500,
        body="disk",
    )

    run = place.run(policy_of(place, attempts=2))

    assert run.state == "success"
    assert tries(run) == [("success", 2)]
    (outcome,) = place.outcomes(run)
    assert outcome.verdict is Verdict.WARM
    first, second = place.attempts(outcome.placement_id)
    assert (first.verdict, second.verdict) == (Verdict.PARTIAL, Verdict.WARM)
    assert [layer.digest for layer in first.missing] == [broken]


def test_partial_is_no_failure_where_the_policy_accepts_it(
    place: Any, broken: str, said: Any
) -> None:
    """``onPartial: accept`` updates no asset; the ledger says PARTIAL, the next run asks again."""
    dag_id = policy_of(place, attempts=3, verify="accept")
    before = place.jobs

    first, second = place.run(dag_id), place.run(dag_id)

    assert first.state == second.state == "success"
    assert [outcome.verdict for outcome in place.outcomes(first)] == [Verdict.PARTIAL]
    ends = {ti.task_id: str(ti.state) for ti in first.get_task_instances()}
    assert (ends["us-1.track"], ends["report"]) == ("success", "skipped")
    assert "PARTIAL, which its policy accepts (onPartial: accept); it is not warm" in said()
    assert place.jobs == before + 2


def test_partial_is_red_at_once_where_the_policy_says_so(
    place: Any, broken: str, said: Any
) -> None:
    """``onPartial: fail`` spares the repeats."""
    before = place.jobs

    run = place.run(policy_of(place, attempts=3, verify="fail"))

    assert run.state == "failed"
    assert tries(run) == [("failed", 1)]
    assert place.jobs == before + 1
    assert "the policy says onPartial: fail" in said()


def test_a_plan_larger_than_a_run_goes_on_in_the_next(place: Any, said: Any) -> None:
    """Red until everything is warm: a run says what it left, and the next one takes it."""
    place.environment.setenv("AIRFLOW__CORE__MAX_MAP_LENGTH", "1")
    dag_id = place.write_policy("two", image="exact: hello}, {exact: nginx")

    first = place.run(dag_id)
    second = place.run(dag_id)

    assert first.state == "failed"
    assert sorted(outcome.disposition for outcome in place.outcomes(first)) == [
        Disposition.ASK,
        Disposition.NEXT_RUN,
    ]
    assert "one run takes 1 placements of us-1; 1 wait for the next" in said()
    assert second.state == "success"
    assert sorted(outcome.disposition for outcome in place.outcomes(second)) == [
        Disposition.ALREADY_WARM,
        Disposition.ASK,
    ]


def test_the_buttons_of_a_red_task_lead_somewhere(place: Any, broken: str) -> None:
    """The second pass of the task, after the deferral, knows no address but keeps the first's."""
    run = place.run(policy_of(place))

    with create_session() as session:
        rows = session.query(XComModel).filter(
            XComModel.run_id == run.run_id,
            XComModel.dag_id == run.dag_id,
            XComModel.key.like("_link_%"),
        )
        urls = {row.key: XComModel.deserialize_value(row) for row in rows}
    assert len(urls) == 2
    assert all(requests.get(url, timeout=10).ok for url in urls.values()), urls


def test_a_policy_can_have_the_peers_asked_on_a_part_of_the_hosts(place: Any, said: Any) -> None:
    """The whole way from the file: half of two nodes is enough, and the dead one is told."""
    place.sandbox.dragonfly.state.set_peer("10.77.0.13", "killed")
    clusters = place.folder / "clusters.yaml"
    with_hosts = clusters.read_text().replace(
        "    schedulerClusterId: 1\n",
        "    schedulerClusterId: 1\n    hosts: {peers: [10.77.0.12, 10.77.0.13]}\n",
    )
    clusters.write_text(with_hosts)
    try:
        run = place.run(
            place.write_spec(
                "half",
                targets=[{"cluster": "eu-1", "scope": "all_peers"}],
                verify={"mode": "peers", "minHosts": "50%", "onPartial": "fail"},
            )
        )
    finally:
        place.sandbox.dragonfly.state.set_peer("10.77.0.13", "up", settle=True)

    assert run.state == "success"
    (outcome,) = place.outcomes(run)
    assert outcome.verdict is Verdict.WARM
    assert outcome.finding.proof is VerifyMode.PEERS
    assert {layer.hosts for layer in outcome.finding.tolerated} == {("10.77.0.13",)}
    assert "every layer on 1 of 2 hosts (minHosts: 50%)" in said()
