"""From questions to a final plan: in few rounds, with few questions, refusing what nobody knows."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from preheat.artifact import Blob, Image, ScanSummary
from preheat.catalogue import Catalogue
from preheat.facts import Allowlist, Answer, Kind, Report, Vulnerability
from preheat.plan import ReasonCode
from preheat.planning import complete
from preheat.policy.engine import Evaluation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from preheat.artifact import Artifact
    from preheat.facts import Facts, Question
    from preheat.plan import Plan

    Evaluate = Callable[..., Evaluation]

MANY = 500
SCANNED = "gates: {vulnerabilities: {rejectSeverity: high}}"
EXCUSED = "gates: {vulnerabilities: {rejectSeverity: high, useProjectAllowlist: true}}"
NEWEST = "rules: [{name: r, take: {newest: 1, onIneligible: skip}}]"


class Harbor:
    """Answers questions, and remembers how often it was asked.

    :param good: digests whose scan found nothing.
    :param excused: CVE ids that the project's allowlist holds.
    """

    def __init__(self, good: Iterable[str] = (), excused: Iterable[str] = ()) -> None:
        self.rounds: list[tuple[Question, ...]] = []
        self._good = frozenset(good)
        self._excused = frozenset(excused)

    def __call__(self, questions: Sequence[Question]) -> Facts:
        """Answer everything."""
        self.rounds.append(tuple(questions))
        return {question: self._answer(question) for question in questions}

    def _answer(self, question: Question) -> Answer:
        match question.kind:
            case Kind.REPORT:
                severity = "None" if question.digest in self._good else "High"
                return Report(ScanSummary("Success", severity))
            case Kind.VULNERABILITIES:
                name = "CVE-1" if question.digest in self._excused else "CVE-2"
                return (Vulnerability(name, "High"),)
            case Kind.ALLOWLIST:
                return Allowlist(frozenset({"CVE-1"}))
            case Kind.IMAGE:
                return Image(question.digest, question.platform, (Blob("layer", 1024),))

    @property
    def asked(self) -> list[Question]:
        """All questions, in turn."""
        return [question for asked in self.rounds for question in asked]


@pytest.fixture
def evaluation(
    policy: Callable[..., object], clusters: object, now: object
) -> Callable[..., Evaluation]:
    """Make an evaluation of artifacts by a policy of parts of ``spec``."""

    def make(artifacts: Sequence[Artifact], *parts: str) -> Evaluation:
        catalogue = Catalogue.of(artifacts)
        return Evaluation(policy(*parts), catalogue, clusters, now)  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="module")
def many(art: Callable[..., Artifact]) -> list[Artifact]:
    """Give a repository of many images, the newest first."""
    return [art(number=n, tags=f"1.{n}", age=timedelta(hours=n)) for n in range(1, MANY + 1)]


def chosen(plan: Plan) -> list[str]:
    """Give the digests of the placements."""
    return [placement.key.digest for placement in plan.placements]


def test_without_questions_nobody_is_asked(many: list[Artifact], evaluation: Evaluate) -> None:
    """No gate and no byte budget: the first plan is final."""
    harbor = Harbor()
    made = complete(evaluation(many, NEWEST), harbor)
    assert harbor.rounds == []
    assert chosen(made) == [many[0].digest]


def test_one_question_where_the_newest_passes(many: list[Artifact], evaluation: Evaluate) -> None:
    """However many older images there are."""
    harbor = Harbor(good=[many[0].digest])
    made = complete(evaluation(many, NEWEST, SCANNED), harbor)
    assert len(harbor.asked) == 1
    assert chosen(made) == [many[0].digest]


def test_few_rounds_find_the_only_one_that_passes(
    many: list[Artifact], evaluation: Evaluate
) -> None:
    """The oldest of 500: each round asks for twice as many, and none is asked for twice."""
    harbor = Harbor(good=[many[-1].digest])
    made = complete(evaluation(many, NEWEST, SCANNED), harbor)
    assert chosen(made) == [many[-1].digest]
    assert len(harbor.rounds) <= 12
    assert len(harbor.asked) == len(set(harbor.asked)) == MANY


@pytest.mark.parametrize("place", [0, 1, 2, 5, 20, 100, 300])
def test_looking_ahead_costs_little(place: int, many: list[Artifact], evaluation: Evaluate) -> None:
    """At most about three times the images that had to be looked at."""
    harbor = Harbor(good=[each.digest for each in many[place:]])
    made = complete(evaluation(many, NEWEST, SCANNED), harbor)
    assert chosen(made) == [many[place].digest]
    assert len(harbor.asked) <= 3 * (place + 1)


def test_a_second_question_needs_few_rounds_too(many: list[Artifact], evaluation: Evaluate) -> None:
    """Findings are looked up of those that the summary refuses; the allowlist once a project."""
    harbor = Harbor(excused=[many[-1].digest])
    made = complete(evaluation(many, NEWEST, EXCUSED), harbor)
    assert chosen(made) == [many[-1].digest]
    assert len(harbor.rounds) <= 24
    kinds = [question.kind for question in harbor.asked]
    assert kinds.count(Kind.ALLOWLIST) == 1
    assert kinds.count(Kind.REPORT) == kinds.count(Kind.VULNERABILITIES) == MANY


def test_gates_and_budget_are_asked_in_turn(many: list[Artifact], evaluation: Evaluate) -> None:
    """What an image consists of is asked of those that pass."""
    harbor = Harbor(good=[each.digest for each in many])
    made = complete(evaluation(many, NEWEST, SCANNED, "budget: {perRun: 1GiB}"), harbor)
    (image,) = [question for question in harbor.asked if question.kind is Kind.IMAGE]
    assert image.digest == many[0].digest
    assert made.bytes["eu-1"].bytes == 1024


def test_what_nobody_knows_is_refused(many: list[Artifact], evaluation: Evaluate) -> None:
    """A saved catalogue without scans: nothing passes a gate, and each image says why."""
    made = complete(evaluation(many[:5], SCANNED), dict.fromkeys)
    assert made.questions == ()
    assert made.placements == ()
    assert {d.reasons[0].code for d in made.decisions} == {ReasonCode.NO_SCAN}


def test_answers_known_before_are_not_asked_for(many: list[Artifact], evaluation: Evaluate) -> None:
    """One set of answers serves many policies."""
    facts: Facts = {}
    first, second = Harbor(), Harbor()
    one = complete(evaluation(many[:9], SCANNED), first, facts)
    assert set(facts) == set(first.asked)
    assert complete(evaluation(many[:9], SCANNED), second, facts) == one
    assert second.rounds == []


def test_a_question_left_open_is_an_error(many: list[Artifact], evaluation: Evaluate) -> None:
    """Else the loop would never end."""
    with pytest.raises(LookupError, match="and to 4 more"):
        complete(evaluation(many[:5], SCANNED), lambda _: {})


def test_a_provisional_plan_takes_what_may_pass(many: list[Artifact], evaluation: Evaluate) -> None:
    """So that later steps can ask their questions; it says that it is not final."""
    made = evaluation(many[:5], SCANNED).plan()
    assert len(made.questions) == 5
    assert len(made.placements) == 5
