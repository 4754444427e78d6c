"""What the API looks up besides pages: last plans, plans of runs, clusters, decisions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from preheat.ledger import Chosen, RunRef, Shown
from preheat.plan import Decision, Reason, ReasonCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.ledger import Ledger
    from preheat.plan import Plan, PlannedPlacement

    MakePlan = Callable[..., Plan]
    Planned = Callable[..., PlannedPlacement]


def run(dag_id: str, run_id: str = "1") -> RunRef:
    """Name a run."""
    return RunRef(dag_id, run_id)


def decision(number: int) -> Decision:
    """Make up a decision: odd numbers are selected."""
    code = ReasonCode.SELECTED if number % 2 else ReasonCode.NOT_NEWEST
    other = (Reason(ReasonCode.TAG_DENIED),) if number == 2 else ()
    name = f"library/app-{number}"
    return Decision(
        *("harbor_default", name, "sha256:a", ("1",), "", bool(number % 2), (Reason(code),)),
        others=other,
    )


def test_the_last_plan_of_each_policy(ledger: Ledger, plan: MakePlan) -> None:
    """Partial ones do not count, nor do those that may not be seen."""
    ledger.record_plan(plan(policy="a"), run("preheat__a", "1"))
    ledger.record_plan(plan(policy="a"), run("preheat__a", "2"))
    ledger.record_plan(plan(policy="a", partial=True), run("preheat__a", "3"))
    ledger.record_plan(plan(policy="b"), run("preheat__b"))
    overview = ledger.overview
    found = overview.latest_plans(["a", "b", "c"])
    assert {name: one.run_id for name, one in found.items()} == {"a": "2", "b": "1"}
    assert set(overview.latest_plans(["a", "b"], {"preheat__b"})) == {"b"}
    assert overview.latest_plans([]) == {}


def test_the_plans_of_runs(ledger: Ledger, plan: MakePlan) -> None:
    """By DAG and run; runs that planned nothing, or may not be seen, are left out."""
    both = [plan(policy="a"), plan(policy="b")]
    ledger.record_event_plans(both, run("preheat_events"), [])
    ledger.record_plan(plan(), run("preheat__web"))
    runs = [("preheat_events", "1"), ("preheat__web", "1"), ("preheat__web", "2")]
    found = ledger.overview.plans_of_runs(runs)
    assert {key: [one.policy for one in plans] for key, plans in found.items()} == {
        ("preheat_events", "1"): ["a", "b"],
        ("preheat__web", "1"): ["web"],
    }
    assert set(ledger.overview.plans_of_runs(runs, {"preheat__web"})) == {("preheat__web", "1")}
    assert ledger.overview.plans_of_runs([]) == {}


def test_clusters_are_told_as_a_plan_used_them_last(ledger: Ledger, plan: MakePlan) -> None:
    """Each once, by name, from plans that may be seen."""
    ledger.record_plan(plan(clusters=({"name": "b", "n": 1},)), run("preheat__web", "1"))
    ledger.record_plan(plan(clusters=({"name": "a"}, {"name": "b", "n": 2})), run("x"))
    assert ledger.overview.clusters() == [{"name": "a"}, {"name": "b", "n": 2}]
    assert ledger.overview.clusters({"preheat__web"}) == [{"name": "b", "n": 1}]


def test_decisions_are_chosen_and_paged(ledger: Ledger, plan: MakePlan) -> None:
    """By selection, by any of the reasons and by name; each keeps its place in the plan."""
    made = plan(decisions=tuple(map(decision, range(6))))
    plan_id = ledger.record_plan(made, run("preheat__web")).plan_id
    overview = ledger.overview

    def positions(chosen: Chosen) -> list[int]:
        page = overview.decisions(plan_id, chosen)
        assert page is not None
        return [position for position, _ in page.rows]

    assert positions(Chosen()) == [0, 1, 2, 3, 4, 5]
    assert positions(Chosen(selected=True)) == [1, 3, 5]
    assert positions(Chosen(selected=False, code="NOT_NEWEST")) == [0, 2, 4]
    assert positions(Chosen(code="TAG_DENIED")) == [2]
    assert positions(Chosen(text="app-4")) == [4]
    first = overview.decisions(plan_id, Chosen(selected=True), limit=2)
    assert first is not None
    assert first.after == (3,)
    second = overview.decisions(plan_id, Chosen(selected=True), after=3, limit=2)
    assert second is not None
    assert ([position for position, _ in second.rows], second.after) == ([5], None)
    assert overview.decisions(plan_id, Chosen(), seen={"another"}) is None
    assert overview.decisions(plan_id + 1, Chosen()) is None


def test_what_may_be_seen_of_placements(ledger: Ledger, plan: MakePlan, planned: Planned) -> None:
    """By ids and by repository; a dry run shows nothing that was ever wanted."""
    one = planned(1)
    two = planned(2)
    two = replace(two, key=replace(two.key, repository="library/other"))
    first = ledger.record_plan(plan(one), run("preheat__a")).items[0].placement_id
    second = ledger.record_plan(plan(two), run("preheat__b")).items[0].placement_id
    overview = ledger.overview
    assert overview.visible([first, second, 99], None) == {first, second}
    assert overview.visible([first, second], {"preheat__b"}) == {second}
    assert overview.has_repository("library/app")
    assert not overview.has_repository("library/app", {"preheat__b"})
    assert not overview.has_repository("library/ap")


def test_names_are_those_of_plans_that_may_be_seen(
    ledger: Ledger, plan: MakePlan, planned: Planned
) -> None:
    """A tag that only another policy's plan knows is no hit and is not shown."""
    mine = planned(1, label="library/app:mine", tags=("mine",))
    ledger.record_plan(plan(mine, policy="a"), run("preheat__a"))
    theirs = planned(1, label="library/app:theirs", tags=("theirs",))
    ledger.record_plan(plan(theirs, policy="b"), run("preheat__b"))
    overview = ledger.overview
    (row,) = overview.images(Shown(), seen={"preheat__a"}).rows
    assert (row.label, row.tags) == ("library/app:mine", ("mine",))
    placement_id = row.cells[0].placement.id
    assert overview.names([placement_id])[placement_id] == ("library/app:theirs", ("theirs",))
    assert overview.images(Shown(text="theirs")).rows
    assert overview.images(Shown(text="theirs"), seen={"preheat__a"}).rows == ()


def test_an_image_is_looked_for_among_what_is_wanted_now(
    ledger: Ledger, plan: MakePlan, planned: Planned
) -> None:
    """Or among all that ever was planned."""
    gone, stays = planned(1), planned(2)
    ledger.record_plan(plan(gone, stays), run("preheat__web", "1"))
    ledger.record_plan(plan(stays), run("preheat__web", "2"))
    name, digest = gone.key.repository, gone.key.digest
    overview = ledger.overview
    assert len(overview.placements_of(name, digest)) == 1
    assert overview.placements_of(name, digest, shown=Shown()) == []
    assert len(overview.placements_of(name, stays.key.digest, shown=Shown())) == 1
