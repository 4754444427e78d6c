"""Whole runs of ``preheat_upkeep``: what must stay warm does, and the report says the truth."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.models.pool import Pool
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session

from preheat.ledger import Ledger, RunRef
from preheat.ledger.schema import attempt as attempts
from preheat.ledger.schema import kept, placement
from preheat.sandbox.dragonfly.peers import Copy
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun

UPKEEP = "preheat_upkeep"
KEEP = {"keepWarm": {"recheck": "6h", "until": "14d"}}


@pytest.fixture(autouse=True)
def _pools() -> None:
    """Make the pools that the clusters of these tests need; the doctor sees them here."""
    for name, slots in (("eu-1", 4), ("us-1", 10), ("us-2", 10)):
        Pool.create_or_update_pool(
            f"preheat_{name}", slots=slots, description="", include_deferred=True
        )


def states(run: DagRun) -> dict[str, str]:
    """Tell how each task ended; of a mapped one, all its instances."""
    found: dict[str, str] = {}
    for ti in run.get_task_instances():
        found[ti.task_id] = f"{found.get(ti.task_id, '')} {ti.state}".strip()
    return found


def figures(run: DagRun) -> dict[str, Any]:
    """Read what the report returned."""
    with create_session() as session:
        row = session.query(XComModel).filter(
            XComModel.run_id == run.run_id,
            XComModel.dag_id == run.dag_id,
            XComModel.task_id == "report",
            XComModel.key == "return_value",
        )
        return dict(XComModel.deserialize_value(row.one()))


def age(place: Any, hours: float) -> None:
    """Let the last check of everything be so long ago."""
    with Ledger.open(place.ledger_url) as ledger, ledger._engine.begin() as connection:
        past = ledger.upkeep.now() - timedelta(hours=hours)
        connection.execute(placement.update().values(checked_at=past))


def warmed(place: Any, name: str = "kept", **more: Any) -> tuple[DagRun, Any]:
    """Push an image and run a policy that keeps it warm; gives the run and the image."""
    image = place.push(name, f"{name} {place.ledger_url}")
    keys = {"rules": [place.rule(name)], **KEEP, **more}
    run = place.run(place.write_spec(f"keep-{name}", **keys))
    assert run.state == "success"
    return run, image


def seeds(place: Any) -> list[Any]:
    """Give the seed of us-1."""
    return [peer for peer in place.sandbox.dragonfly.state.peers if peer.ip == "10.78.0.11"]


def test_nothing_is_due_after_a_run(place: Any, said: Any) -> None:
    """What was proved a moment ago is proved; no job is made, and the run is green."""
    warmed(place)
    before = place.jobs

    run = place.run(UPKEEP)

    assert run.state == "success", said()
    assert figures(run)["due"] == 0
    assert states(run)["us-1.track"] == "skipped"
    assert "kept warm: 0 due" in said()
    assert place.jobs <= before + 20  # the doctor's questions, which heat nothing


def test_what_is_due_and_warm_is_only_looked_at(place: Any, said: Any) -> None:
    """Five hours old with a recheck of six: the peers are asked before the proof gets too old."""
    first, _ = warmed(place)
    age(place, 5.5)

    run = place.run(UPKEEP)

    assert run.state == "success", said()
    assert (figures(run)["due"], figures(run)["warm"]) == (1, 1)
    assert states(run)["us-1.track"] == "skipped"
    (outcome,) = place.outcomes(run)
    assert (outcome.verdict, outcome.attempt) == (Verdict.WARM, None)
    assert len(place.attempts(place.outcomes(first)[0].placement_id)) == 1


def test_what_decayed_is_asked_for_again(place: Any, said: Any) -> None:
    """A seed that lost its disk holds the image again at the end, by the same tracked task."""
    first, image = warmed(place)
    for peer in seeds(place):
        peer.wipe()
    age(place, 6)

    run = place.run(UPKEEP)

    assert run.state == "success", said()
    assert (figures(run)["due"], figures(run)["decayed"]) == (1, 1)
    assert states(run)["us-1.track"] == "success"
    (outcome,) = place.outcomes(run)
    assert outcome.verdict is Verdict.WARM
    assert len(place.attempts(outcome.placement_id)) == 2
    assert "1 decayed; 1 of them warm again" in said()
    held = {
        copy["digest"] for peer in seeds(place) for copy in map(Copy.shown, peer.copies.values())
    }
    assert image.recipe.layers[0].digest in held
    assert place.outcomes(first)[0].placement_id == outcome.placement_id


def test_what_a_policy_accepts_is_counted_apart(place: Any, said: Any) -> None:
    """``onPartial: accept`` asks for nothing again, and nothing calls it warm."""
    _, image = warmed(place, verify={"onPartial": "accept"})
    lost = image.recipe.layers[-1].digest
    for peer in seeds(place):
        for name, copy in list(peer.copies.items()):
            if Copy.shown(copy)["digest"] == lost:
                del peer.copies[name]
    age(place, 6)

    run = place.run(UPKEEP)

    assert run.state == "success", said()
    told = figures(run)
    assert (told["due"], told["warm"], told["accepted"]) == (1, 0, 1)
    assert states(run)["us-1.track"] == "skipped"
    assert "1 PARTIAL, which its policy accepts" in said()
    assert "still warm" not in said()


def test_check_all_looks_at_what_is_not_due(place: Any, said: Any) -> None:
    """After an incident nobody wants to wait for the clock."""
    warmed(place)
    for peer in seeds(place):
        peer.wipe()

    run = place.run(UPKEEP, check_all=True)

    assert run.state == "success", said()
    assert figures(run)["decayed"] == 1


def test_a_suspended_policy_keeps_nothing_warm(place: Any, said: Any) -> None:
    """``suspend`` means rest, between runs too."""
    warmed(place)
    place.write_spec("keep-kept", rules=[place.rule("kept")], suspend=True, **KEEP)

    run = place.run(UPKEEP, check_all=True)

    assert run.state == "success", said()
    assert figures(run)["due"] == 0
    assert "their policies are suspended" in said()


def test_a_closed_window_holds_for_upkeep_too(place: Any, said: Any) -> None:
    """What may not be asked for now is not asked for by the back door."""
    warmed(place)
    for peer in seeds(place):
        peer.wipe()
    other_day = f"{datetime.now(UTC) + timedelta(days=3):%a}".lower()
    window = {"days": [other_day], "from": "01:00", "to": "02:00", "timezone": "UTC"}
    place.write_spec("keep-kept", rules=[place.rule("kept")], windows={"allow": [window]}, **KEEP)

    run = place.run(UPKEEP, check_all=True)

    assert run.state == "success", said()
    assert states(run)["us-1.track"] == "skipped"
    assert "1 window closed" in said()


def test_what_is_gone_from_harbor_is_kept_no_more(place: Any, said: Any) -> None:
    """Nobody can pull it, so nobody is told that it should be warm."""
    _, image = warmed(place)
    place.sandbox.harbor.state.delete(image)

    run = place.run(UPKEEP, check_all=True)

    assert run.state == "success", said()
    assert figures(run)["gone"] == 1
    with Ledger.open(place.ledger_url) as ledger:
        assert ledger.upkeep.kept() == []


def test_what_cannot_be_warmed_again_makes_the_run_red(place: Any, said: Any) -> None:
    """The report names the image; the doctor's findings do not hide it."""
    _, image = warmed(place)
    for peer in seeds(place):
        peer.wipe()
    place.sandbox.harbor.state.set_blob(image.recipe.layers[0].digest, "missing")

    run = place.run(UPKEEP, check_all=True)

    assert run.state == "failed"
    heard = said()
    assert "library/kept:1 linux/amd64 on us-1 is PARTIAL" in heard


def test_an_attempt_that_nobody_follows_is_closed_truthfully(place: Any, said: Any) -> None:
    """A killed worker left a job that ended well: upkeep proves it, and asks for nothing."""
    first, _ = warmed(place)
    (outcome,) = place.outcomes(first)
    with Ledger.open(place.ledger_url) as ledger, ledger._engine.begin() as connection:
        past = ledger.upkeep.now() - timedelta(hours=1)
        connection.execute(
            attempts.update().values(
                closed_at=None, verdict=None, finding=None, asked_at=past, lease_until=past
            )
        )
        connection.execute(placement.update().values(verdict="UNKNOWN", checked_at=None))
    before = place.attempts(outcome.placement_id)

    run = place.run(UPKEEP)

    assert run.state == "success", said()
    (closed,) = place.attempts(outcome.placement_id)
    assert (closed.id, closed.verdict) == (before[0].id, Verdict.WARM)
    assert figures(run)["closed"] == 1


def test_the_doctor_makes_the_run_red_but_hides_nothing(place: Any, said: Any) -> None:
    """Upkeep goes on behind a red doctor; the report says that the doctor saw something."""
    warmed(place)
    place.write_file("broken", "kind: Nonsense\n")

    run = place.run(UPKEEP, check_all=True)

    assert run.state == "failed"
    assert states(run)["doctor"] == "failed"
    assert figures_of_recheck(run) == 1
    heard = said()
    assert "`preheat policy check` says what is wrong" in heard
    assert "doctor failed: its log says why and what to do." in heard


def figures_of_recheck(run: DagRun) -> int:
    """Count what the recheck of us-1 found warm."""
    with create_session() as session:
        row = session.query(XComModel).filter(
            XComModel.run_id == run.run_id,
            XComModel.dag_id == run.dag_id,
            XComModel.task_id == "us-1.recheck",
            XComModel.key == "found",
        )
        return len(XComModel.deserialize_value(row.one())["warm"])


def test_a_cluster_that_is_no_more_is_let_go(place: Any, said: Any) -> None:
    """Its wishes end, and what was open there is closed as not known."""
    warmed(place)
    with Ledger.open(place.ledger_url) as ledger:
        (wish,) = ledger.upkeep.kept()
        claim = ledger.open_attempt(
            wish.placement.id, owner="dead", run=RunRef("d", "r"), lease_seconds=-1
        )
    file = place.folder / "clusters.yaml"
    file.write_text(file.read_text().replace("name: us-1", "name: us-2"))
    place.write_spec("keep-kept", targets=[{"cluster": "us-2", "scope": "single_seed_peer"}])

    run = place.run(UPKEEP, check_all=True)

    assert run.state == "success", said()
    with Ledger.open(place.ledger_url) as ledger:
        assert ledger.upkeep.kept() == []
        closed = ledger.attempt(claim.attempt.id)
    assert (closed.is_open, closed.verdict) == (False, Verdict.UNKNOWN)
    assert "us-1" in closed.words


def test_the_retention_of_the_configuration_is_used(place: Any, said: Any) -> None:
    """What ended is cleared away with the rest."""
    warmed(place)
    with Ledger.open(place.ledger_url) as ledger, ledger._engine.begin() as connection:
        connection.execute(kept.update().values(keep_until=ledger.upkeep.now()))
    place.environment.setenv("AIRFLOW__PREHEAT__RETENTION", "7d")

    run = place.run(UPKEEP)

    assert run.state == "success", said()
    assert "older than 7d" in said()
