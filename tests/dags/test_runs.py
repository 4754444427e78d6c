"""What whole runs do: green means warm, and nothing half-done goes unmentioned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk.log import _secrets_masker

from preheat.plan import Disposition
from preheat.sandbox.harbor import ImageSpec, push_image
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun


def states(run: DagRun, task_id: str) -> list[str]:
    """List the states of a task's instances."""
    return [str(ti.state) for ti in run.get_task_instances() if ti.task_id == task_id]


def test_a_policy_makes_its_images_warm_once(place: Any) -> None:
    """The first run warms and proves, the second asks for nothing that is warm."""
    dag_id = place.write_policy("hello")
    before = place.jobs

    first = place.run(dag_id)
    second = place.run(dag_id)

    assert first.state == second.state == "success"
    assert place.jobs == before + 1
    (outcome,) = place.outcomes(first)
    assert (outcome.verdict, outcome.layers_warm) == (Verdict.WARM, outcome.layers_expected)
    (again,) = place.outcomes(second)
    assert (again.disposition, again.verdict) == (Disposition.ALREADY_WARM, Verdict.WARM)
    assert states(second, "us-1.track") == ["skipped"]


def test_an_image_typed_for_one_cluster_is_one_tracked_task(place: Any) -> None:
    """``preheat_images`` tracks one instance, labelled as people say it."""
    run = place.run("preheat_images", images="library/hello:1.0", clusters=["eu-1"])

    assert run.state == "success"
    tracked = [ti for ti in run.get_task_instances() if ti.task_id == "eu-1.track"]
    assert [(str(ti.state), ti.rendered_map_index) for ti in tracked] == [
        ("success", "library/hello:1.0 linux/amd64")
    ]
    assert states(run, "us-1.track") == ["skipped"]
    assert [outcome.verdict for outcome in place.outcomes(run)] == [Verdict.WARM]


def test_no_pull_token_becomes_a_mask(place: Any) -> None:
    """Worker processes keep every mask for life and compile all with each new one.

    A mask for each token made the fiftieth task of a worker 33 ms slower than the first.
    """
    run = place.run("preheat_images", images="library/hello:1.0", clusters=["us-1"])

    assert run.state == "success"
    assert not [pattern for pattern in _secrets_masker().patterns if "eyJ" in pattern]


def test_a_dry_run_plans_and_stops(place: Any) -> None:
    """Nothing is asked for, and the run is green because nothing failed."""
    before = place.jobs

    run = place.run("preheat_images", images="library/hello:1.0", clusters=["eu-1"], dry_run=True)

    assert run.state == "success"
    assert place.jobs == before
    assert [outcome.disposition for outcome in place.outcomes(run)] == [Disposition.DRY_RUN]


def test_success_with_a_missing_layer_is_partial_until_it_is_repaired(
    place: Any, said: Any
) -> None:
    """The job says SUCCESS, we say PARTIAL and name the layer; then only that layer is fetched.

    dragonfly: recorded run-6mib-one-blob-missing-single-seed.
    """
    harbor = place.sandbox.harbor.state
    image = push_image(
        harbor, "library/broken", ImageSpec("broken", layers=(("a", 900), ("b", 700))), tags=["1"]
    )
    layer = image.recipe.layers[-1].digest
    harbor.set_blob(layer, "unreadable")
    typed = {"images": "library/broken:1", "clusters": ["us-1"], "scope": "single_seed_peer"}

    dag = place.dags()["preheat_images"]
    dag.get_task("us-1.track").partial_kwargs["retries"] = 0
    broken = dag.test(run_conf=typed)
    harbor.set_blob(layer, "ok")
    harbor.requests.clear()
    repaired = place.run("preheat_images", **typed)

    job = place.sandbox.dragonfly.state.jobs.get(place.jobs - 1)
    now = place.sandbox.dragonfly.state.clock.monotonic()
    assert job.row(job.look(now), is_listed=False)["state"] == "SUCCESS"
    assert broken.state == "failed"
    (outcome,) = place.outcomes(broken)
    assert outcome.verdict is Verdict.PARTIAL
    assert [missing.digest for missing in outcome.missing] == [layer]
    assert f"missing {layer}" in said()
    assert "the registry answers 500" in said()
    assert repaired.state == "success"
    fetched = {entry.path.rpartition("/")[2] for entry in harbor.requests if entry.peer}
    assert fetched == {layer}


def test_a_manager_that_is_down_loses_nothing(place: Any, said: Any) -> None:
    """The run is red and says so; the next one, with the manager up, warms."""
    dag_id = place.write_policy("hello")
    dag = place.dags()[dag_id]
    dag.get_task("us-1.track").partial_kwargs["retries"] = 1
    place.sandbox.dragonfly.stop()
    try:
        run = dag.test()
    finally:
        place.sandbox.dragonfly.start()

    assert run.state == "failed"
    assert "check the address, and that it is up" in said()
    assert place.run(dag_id).state == "success"


def test_a_manager_that_stumbles_while_we_wait_delays_only(place: Any) -> None:
    """Five hundreds and cut connections while following are waited out."""
    faults = place.sandbox.dragonfly.faults
    faults.add(match={"method": "GET", "path": "/oapi/v1/jobs.*"}, times=2, status=502, body="")
    faults.add(match={"method": "GET", "path": "/oapi/v1/jobs.*"}, times=1, drop="before")

    run = place.run("preheat_images", images="library/hello:1.0", clusters=["eu-1"])

    assert run.state == "success"
    assert not faults.left()


def test_a_job_whose_row_vanished_is_proved_by_asking_the_peers(place: Any) -> None:
    """404 on a known job is expired, not failed: the peers say what they hold."""
    place.sandbox.dragonfly.faults.add(
        match={"method": "GET", "path": "/oapi/v1/jobs/[0-9]+"},
        times=None,
        status=404,
        body='{"message": "record not found"}',
    )

    run = place.run(
        "preheat_images", images="library/hello:1.0", clusters=["us-1"], scope="single_seed_peer"
    )

    assert run.state == "success"
    assert [outcome.verdict for outcome in place.outcomes(run)] == [Verdict.WARM]


def test_a_platform_that_must_be_there_fails_the_run(place: Any, said: Any) -> None:
    """``onMissing: fail`` is told, though everything that exists is warm."""
    platforms = "  platforms: {include: [linux/amd64, linux/riscv64], onMissing: fail}\n"
    dag_id = place.write_policy("strict", head=f"spec:\n{platforms}")

    run = place.run(dag_id)

    assert run.state == "failed"
    assert [outcome.verdict for outcome in place.outcomes(run)] == [Verdict.WARM]
    assert "riscv64" in said()


def test_an_empty_plan_is_green(place: Any) -> None:
    """Nothing has to be warm, so everything that has to be warm is."""
    run = place.run(place.write_policy("nothing", image="exact: there-is-none"))

    assert run.state == "success"
    assert place.outcomes(run) == []


def test_a_suspended_policy_does_not_run(place: Any, said: Any) -> None:
    """It keeps its DAG, without a schedule, and says why it refuses."""
    run = place.run(place.write_policy("idle", head="spec:\n  suspend: true\n"))

    assert run.state == "failed"
    assert "The policy is suspended" in said()
