"""Whole runs of ``preheat_verify``: what the peers hold is told and written down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from preheat.ledger import Ledger, RunRef
from preheat.plan import Disposition
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun

VERIFY = "preheat_verify"


def states(run: DagRun) -> dict[str, str]:
    """Tell how each task ended."""
    return {ti.task_id: str(ti.state) for ti in run.get_task_instances()}


def warmed(place: Any, name: str, *clusters: str) -> list[int]:
    """Push an image and warm it there; gives the ids of its placements."""
    place.push(name, f"{name} {place.ledger_url}")
    targets = [{"cluster": one, "scope": "single_seed_peer"} for one in clusters or ["us-1"]]
    keys = {"targets": targets, "keepWarm": {"recheck": "6h", "until": "14d"}}
    run = place.run(place.write_spec(f"warm-{name}", rules=[place.rule(name)], **keys))
    assert run.state == "success"
    return [outcome.placement_id for outcome in place.outcomes(run)]


def lose(place: Any, ip: str = "10.78.0.11") -> None:
    """Empty the disk of the seed of us-1."""
    place.sandbox.dragonfly.state.peer(ip).wipe()


def fetched(place: Any) -> list[str]:
    """Name what peers fetched from Harbor since it was cleared."""
    return [entry.path for entry in place.sandbox.harbor.state.requests if entry.peer]


def test_what_is_warm_is_found_warm(place: Any, said: Any) -> None:
    """Its proof is new then, and nobody asked for it; clusters of which nothing is named rest."""
    (number,) = warmed(place, "seen")
    with Ledger.open(place.ledger_url) as ledger:
        before = ledger.placement(number)
        kept = ledger.upkeep.kept()
    place.sandbox.harbor.state.requests.clear()

    run = place.run(VERIFY, placements=[number], reason="a node was replaced")

    assert run.state == "success", said()
    assert states(run) == {
        "plan": "success",
        "us-1.recheck": "success",
        "eu-1.recheck": "skipped",
        "report": "success",
    }
    (outcome,) = place.outcomes(run)
    assert (outcome.disposition, outcome.verdict) == (Disposition.LOOK, Verdict.WARM)
    assert (outcome.label, outcome.words) == ("library/seen:1 linux/amd64", "")
    assert fetched(place) == []
    assert len(place.attempts(number)) == 1
    with Ledger.open(place.ledger_url) as ledger:
        after = ledger.placement(number)
        assert after.checked_at > before.checked_at
        assert after.warm_since == before.warm_since
        assert [(wish.policy, wish.until) for wish in ledger.upkeep.kept()] == [
            (wish.policy, wish.until) for wish in kept
        ]
        assert ledger.overview.names([number])[number][1] == ("1",)


def test_what_a_peer_lost_is_told_and_not_asked_for(place: Any, said: Any) -> None:
    """Red, with the scope, the layers in the log of the look, and what to do."""
    lost, kept = warmed(place, "lost", "us-1", "eu-1")
    lose(place)
    place.sandbox.harbor.state.requests.clear()

    run = place.run(VERIFY, placements=[lost, kept])

    assert run.state == "failed"
    assert states(run)["us-1.recheck"] == states(run)["eu-1.recheck"] == "success"
    heard = said()
    assert "1 of 2 placements not shown to be warm:" in heard
    assert "library/lost:1 linux/amd64 on us-1 (single_seed_peer) is COLD" in heard
    assert "missing sha256:" in heard
    assert fetched(place) == []
    assert len(place.attempts(lost)) == 1
    with Ledger.open(place.ledger_url) as ledger:
        verdicts = [ledger.placement(number).verdict for number in (lost, kept)]
    assert verdicts == [Verdict.COLD, Verdict.WARM]


def test_images_are_named_as_people_type_them(place: Any, said: Any) -> None:
    """On the clusters that are named, or wherever they were planned."""
    here, there = warmed(place, "typed", "us-1", "eu-1")

    one = place.run(VERIFY, images="docker pull library/typed:1", clusters=["us-1"])
    both = place.run(VERIFY, images="library/typed:1\n", placements=[here])

    assert one.state == both.state == "success", said()
    assert [outcome.placement_id for outcome in place.outcomes(one)] == [here]
    assert {outcome.placement_id for outcome in place.outcomes(both)} == {here, there}


def test_everything_that_is_wrong_is_told_at_once(place: Any, said: Any) -> None:
    """Numbers, images and clusters; nothing is looked at."""
    (number,) = warmed(place, "half")
    place.push("unplanned", "nobody planned it")
    place.run(place.write_spec("dry", rules=[place.rule("unplanned")]), dry_run=True)

    run = place.run(
        VERIFY,
        placements=[number, 998, 999],
        images="library/half:1\nlibrary/unplanned:1\nlibrary/absent:1",
        clusters=["us-1", "eu-1"],
    )

    assert run.state == "failed"
    assert states(run)["us-1.recheck"] == "upstream_failed"
    heard = said()
    for told in (
        "placements: the ledger has no placement 998",
        "placements: the ledger has no placement 999",
        "images:1: library/half:1 was never planned on eu-1",
        "images:2: library/unplanned:1 was never planned on us-1",
        "images:3: library/absent:1 cannot be taken",
    ):
        assert told in heard
    assert "There is no plan: the task plan ended as failed." in heard


@pytest.mark.parametrize(
    ("conf", "told"),
    [
        pytest.param({}, "placements: name placements by their numbers, or images", id="nothing"),
        pytest.param({"clusters": ["us-1"]}, "clusters: they say where images are", id="where"),
        pytest.param({"placement": [1]}, "placement: there is no such field", id="misspelt"),
        pytest.param(
            {"images": "library/hello:1.0", "clusters": ["us-9"]},
            "There is no cluster 'us-9'; known clusters: eu-1, us-1.",
            id="unknown cluster",
        ),
        pytest.param(
            {"images": "library/hello:1.0"},
            "library/hello:1.0 was never planned; preheat_images warms it",
            id="never planned",
        ),
    ],
)
def test_what_names_nothing_is_refused(
    place: Any, said: Any, conf: dict[str, Any], told: str
) -> None:
    """A green run over nothing would say nothing."""
    assert place.run(VERIFY, **conf).state == "failed"

    assert told in said()


def test_what_is_asked_for_just_now_is_told_so(place: Any, said: Any) -> None:
    """Its job is under way: what the peers hold now says nothing of how it ends."""
    (number,) = warmed(place, "asked")
    with Ledger.open(place.ledger_url) as ledger:
        ledger.open_attempt(number, owner="a", run=RunRef("d", "r"), lease_seconds=600)

    run = place.run(VERIFY, placements=[number])

    assert run.state == "failed"
    assert "on us-1 (single_seed_peer) is UNKNOWN: asked for just now" in said()


def test_what_is_gone_from_harbor_is_told_so(place: Any, said: Any) -> None:
    """Nobody can pull it, whatever the peers hold."""
    (number,) = warmed(place, "gone")
    state = place.sandbox.harbor.state
    state.delete(place.push("gone", f"gone {place.ledger_url}"))

    run = place.run(VERIFY, placements=[number])

    assert run.state == "failed"
    assert "is UNKNOWN: not in Harbor any more" in said()


def test_what_no_node_asks_for_any_more_is_refused(place: Any, said: Any) -> None:
    """The cluster or its pull endpoint is gone; of a typed image the others are looked at."""
    here, there = warmed(place, "moved", "us-1", "eu-1")
    file = place.folder / "clusters.yaml"
    file.write_text(file.read_text().replace("name: us-1", "name: us-2"))

    numbered = place.run(VERIFY, placements=[here, there])
    typed = place.run(VERIFY, images="library/moved:1")

    assert numbered.state == "failed"
    told = f"placement {here} (library/moved): clusters.yaml has no cluster 'us-1' any more"
    assert told in said()
    assert typed.state == "success"
    assert [outcome.placement_id for outcome in place.outcomes(typed)] == [there]
