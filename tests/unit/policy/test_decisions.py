"""Decisions are made when they are read, and nobody can tell."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from preheat.plan import ReasonCode
from preheat.policy.decisions import Decisions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from preheat.artifact import Artifact
    from preheat.plan import Decision, Plan

RULES = (
    "rules: [{name: r, repositories: {include: [{glob: 'a*'}]}, age: {max: 2d}, take: {newest: 1}},"
    " {name: s, repositories: {include: [{exact: app}]}, labels: {all: [x]}}]"
)


@pytest.fixture
def made(art: Callable[..., Artifact], plan: Callable[..., Plan]) -> Plan:
    """Plan on whole repositories that are out, images that are out, and images that are in."""
    artifacts = [
        art(f"library/{name}", f"{place}{n}", tags=f"1.{n}", age=timedelta(days=n), type=kind)
        for place, (name, kind) in enumerate(
            [("app", "IMAGE"), ("api", "CHART"), ("db", "IMAGE"), ("zoo", "IMAGE")], start=1
        )
        for n in (1, 2, 3)
    ]
    many = art("library/ab", "9", tags="x", platforms=["linux/amd64", "linux/arm64"])
    return plan([*artifacts, many], RULES)


def test_they_are_a_sequence(made: Plan) -> None:
    """Length, order, index from both ends, slice, membership: as the list of them has."""
    lazy: Sequence[Decision] = made.decisions
    listed = list(lazy)
    assert len(lazy) == len(listed) == 14
    assert [lazy[n] for n in range(len(lazy))] == listed
    assert [lazy[-n] for n in range(1, len(lazy) + 1)] == listed[::-1]
    assert list(lazy[2:9:3]) == listed[2:9:3]
    assert list(reversed(lazy)) == listed[::-1]
    assert listed[7] in lazy
    assert lazy.index(listed[13]) == 13
    assert list(lazy) == listed


@pytest.mark.parametrize("index", [14, -15, 1000])
def test_an_index_outside_is_an_error(index: int, made: Plan) -> None:
    """As of any sequence."""
    with pytest.raises(IndexError):
        made.decisions[index]


def test_they_compare_by_value(made: Plan) -> None:
    """With each other, and with lists."""
    assert made.decisions == list(made.decisions)
    assert made.decisions != list(made.decisions)[1:]
    assert made.decisions != [*list(made.decisions)[1:], made.decisions[0]]
    assert Decisions([]) == ()
    assert len(Decisions([])) == 0
    assert (made.decisions == 14) is False


def test_counts_are_those_of_the_decisions(made: Plan) -> None:
    """Each by its deciding reason, also where no decision was made yet."""
    deciding = Counter(decision.reasons[0].code.value for decision in made.decisions)
    assert made.counts() == deciding
    assert deciding[ReasonCode.TYPE_EXCLUDED] == 3
    assert deciding[ReasonCode.REPO_NOT_INCLUDED] == 6
    assert sum(deciding.values()) == 14


def test_the_step_that_came_furthest_decides(made: Plan) -> None:
    """Reasons of all rules are there, in the order of the evaluation, the last step first."""
    steps = list(ReasonCode)
    for decision in made.decisions:
        if not decision.selected:
            places = [steps.index(reason.code) for reason in decision.reasons]
            assert places == sorted(places, reverse=True)
    (old,) = [d for d in made.decisions if (d.repository, d.tags) == ("library/app", ("1.3",))]
    assert [(r.rule, r.code) for r in old.reasons] == [("r", "TOO_OLD"), ("s", "LABEL_MISSING")]


def test_a_taken_image_knows_what_other_rules_say(made: Plan) -> None:
    """Its reasons are those of the rules that take it."""
    (new,) = [d for d in made.decisions if (d.repository, d.tags) == ("library/app", ("1.1",))]
    assert [(r.rule, r.code) for r in new.reasons] == [("r", "SELECTED")]
    assert [(r.rule, r.code) for r in new.others] == [("s", "LABEL_MISSING")]
