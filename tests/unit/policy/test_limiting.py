"""What a run may ask for now: budget first, then the window, and the bytes it comes to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from preheat.artifact import Blob, Image
from preheat.facts import Kind, Question
from preheat.plan import ClusterBytes, Disposition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from preheat.artifact import Artifact
    from preheat.facts import Facts
    from preheat.plan import Plan

DAY = timedelta(days=1)
GIB = 1024**3
NIGHT = (
    "windows:\n  allow:\n    - {days: [all], from: '20:00', to: '06:00', timezone: UTC}\n"
    "  onClosed: %s"
)
BOTH = "targets: [{cluster: eu-1, scope: all_seed_peers}, {cluster: us-1, scope: all_peers}]"


def images(artifacts: Iterable[Artifact], **layers: int) -> Facts:
    """Say that every image consists of a base and a layer of its own, or of the layers given."""
    return {
        Question.of_image(each, child): Image(
            child.digest,
            child.platform,
            tuple(Blob(name, size) for name, size in layers.items())
            or (Blob("base", GIB), Blob(f"own of {child.digest}", GIB)),
        )
        for each in artifacts
        for child in each.children
    }


def dispositions(plan: Plan) -> dict[str, Disposition]:
    """Give what becomes of each placement, by its tag."""
    return {placement.tags[0]: placement.disposition for placement in plan.placements}


@pytest.fixture
def three(art: Callable[..., Artifact]) -> list[Artifact]:
    """Give three images of one repository, a the newest."""
    return [art(number=n, tags=tag, age=n * DAY) for n, tag in enumerate("abc", start=1)]


def test_only_byte_budgets_ask_what_images_consist_of(
    three: list[Artifact], plan: Callable[..., Plan], now: datetime
) -> None:
    """A manifest costs a request, and moves Harbor's pull time: none is read without need."""
    assert not plan(three).questions
    assert not plan(three, "budget: {maxImages: 2}").questions
    for part in ("budget: {perRun: 9GiB}", "budget: {perClusterPerDay: 9GiB}"):
        made = plan(three, part)
        assert {question.kind for question in made.questions} == {Kind.IMAGE}
        assert {question.digest for question in made.questions} == {a.digest for a in three}
        assert set(dispositions(made).values()) == {Disposition.ASK}
        assert plan(three, part, facts=images(three)).questions == ()
    warm = {plan(three).placements[0].key: now}
    asked = plan(three, "budget: {perRun: 9GiB}", warm=warm).questions
    assert {question.digest for question in asked} == {a.digest for a in three[1:]}


def test_trim_leaves_out_the_oldest(three: list[Artifact], plan: Callable[..., Plan]) -> None:
    """Three gibibytes hold a base and two layers; each that is left out says why."""
    made = plan(three, "budget: {perRun: 3GiB}", facts=images(three))
    assert dispositions(made) == {
        "a": Disposition.ASK,
        "b": Disposition.ASK,
        "c": Disposition.OVER_BUDGET,
    }
    assert made.placements[2].detail == (
        "budget.perRun is 3.0 GiB; 3.0 GiB are taken and it adds 1.0 GiB, 4.0 GiB in all"
    )
    assert made.warnings == ("The budget leaves out 1 of 3 placements: library/app:c linux/amd64.",)
    assert made.failures == ()
    assert made.over_budget == ""


def test_fail_asks_for_nothing(three: list[Artifact], plan: Callable[..., Plan]) -> None:
    """The run is red, with the figures, and no placement is asked for."""
    made = plan(three, "budget: {maxImages: 2, onExceed: fail}")
    assert set(dispositions(made).values()) == {Disposition.OVER_BUDGET}
    (failure,) = made.failures
    assert failure == "The plan is over its budget: 3 images, budget.maxImages is 2."
    assert made.bytes == {}


def test_ask_trims_until_a_person_says_otherwise(
    three: list[Artifact], plan: Callable[..., Plan]
) -> None:
    """The question tells what is wanted and what fits."""
    made = plan(three, "budget: {maxImages: 2, onExceed: ask}")
    assert list(dispositions(made).values()).count(Disposition.ASK) == 2
    assert made.over_budget.startswith(
        "The plan is over its budget: 3 images, budget.maxImages is 2. Within it: 2 images"
    )
    assert made.over_budget.endswith("?")
    assert made.failures == ()


def test_within_the_budget_nothing_is_said(
    three: list[Artifact], plan: Callable[..., Plan]
) -> None:
    """No warning, no question, no failure, whatever onExceed says."""
    for word in ("trim", "fail", "ask"):
        made = plan(
            three, f"budget: {{maxImages: 3, perRun: 4GiB, onExceed: {word}}}", facts=images(three)
        )
        assert set(dispositions(made).values()) == {Disposition.ASK}
        assert (made.warnings, made.failures, made.over_budget) == ((), (), "")


def test_an_image_that_cannot_be_weighed_does_not_fit(
    three: list[Artifact], plan: Callable[..., Plan]
) -> None:
    """An answer of None is final: it is left out, the others stay."""
    facts = images(three) | dict.fromkeys(images(three[:1]))
    made = plan(three, "budget: {perRun: 9GiB}", facts=facts)
    assert dispositions(made)["a"] is Disposition.OVER_BUDGET
    assert list(dispositions(made).values()).count(Disposition.ASK) == 2
    assert made.placements[0].detail.startswith("its size is not known")


def test_what_was_asked_earlier_in_the_day_counts(
    three: list[Artifact], plan: Callable[..., Plan]
) -> None:
    """Per cluster: the other one still has room."""
    made = plan(
        three[:1],
        BOTH,
        "budget: {perClusterPerDay: 4GiB}",
        facts=images(three),
        spent={"eu-1": 3 * GIB},
    )
    by_cluster = {p.key.cluster: p.disposition for p in made.placements}
    assert by_cluster == {"eu-1": Disposition.OVER_BUDGET, "us-1": Disposition.ASK}


def test_shared_layers_weigh_once_a_repository_and_cluster(
    art: Callable[..., Artifact], plan: Callable[..., Plan]
) -> None:
    """Dragonfly's cache key is the whole blob URL: another repository fetches it again."""
    artifacts = [art(number=1, tags="a"), art(number=2, tags="b"), art("library/db", 3, tags="c")]
    made = plan(artifacts, BOTH, facts=images(artifacts))
    each = ClusterBytes(images=3, bytes=5 * GIB, unknown=0)
    assert made.bytes == {"eu-1": each, "us-1": each}


def test_bytes_are_of_what_is_asked_for(
    three: list[Artifact], plan: Callable[..., Plan], now: datetime
) -> None:
    """What is warm, over the budget or left for the next run adds nothing; unread ones count."""
    facts = images(three)
    warm = {plan(three).placements[0].key: now}
    assert plan(three, facts=facts, warm=warm).bytes["eu-1"].images == 2
    assert plan(three, "budget: {maxImages: 1}", facts=facts).bytes["eu-1"].bytes == 2 * GIB
    assert plan(three, facts=facts, max_map_length=1).bytes["eu-1"].bytes == 2 * GIB
    assert plan(three, facts=images(three[:2])).bytes["eu-1"] == ClusterBytes(3, 3 * GIB, 1)


def test_a_listed_size_will_do_for_a_single_image(
    art: Callable[..., Artifact], plan: Callable[..., Plan]
) -> None:
    """Of an index it is not what one platform downloads, so that stays unknown."""
    single = art(number=1, size=GIB)
    index = art(number=2, size=9 * GIB, platforms=["linux/amd64", "linux/arm64"])
    made = plan([single, index])
    assert made.bytes["eu-1"] == ClusterBytes(images=3, bytes=GIB, unknown=2)


@pytest.mark.parametrize(
    ("word", "warned", "failed", "waits"),
    [
        ("wait", "; the run waits.", "", True),
        ("skip", "; nothing is asked.", "", False),
        ("fail", "", "it opens at Tue 2026-11-24 20:00.", False),
    ],
)
def test_a_closed_window(
    word: str,
    warned: str,
    failed: str,
    waits: bool,
    three: list[Artifact],
    plan: Callable[..., Plan],
) -> None:
    """Nothing is asked for; the run waits, ends, or is red, and says until when it is closed."""
    made = plan(three, NIGHT % word)
    assert set(dispositions(made).values()) == {Disposition.WINDOW_CLOSED}
    opens = datetime(2026, 11, 24, 20, tzinfo=UTC)
    assert made.opens_at == (opens if waits else None)
    texts = (*made.warnings, *made.failures)
    assert (len(made.warnings), len(made.failures)) == (bool(warned), bool(failed))
    assert texts[0].startswith("The window is closed (line ")
    assert texts[0].endswith(warned or failed)
    assert "allowed is every day 20:00 to 06:00 (UTC)" in made.placements[0].detail
    assert made.bytes["eu-1"].images == 3


def test_an_open_window_says_nothing(three: list[Artifact], plan: Callable[..., Plan]) -> None:
    """At noon, all but the night is open."""
    made = plan(three, NIGHT.replace("allow", "deny") % "fail")
    assert set(dispositions(made).values()) == {Disposition.ASK}
    assert (made.opens_at, made.warnings, made.failures) == (None, (), ())


def test_nothing_to_ask_needs_no_window(
    three: list[Artifact], plan: Callable[..., Plan], now: datetime
) -> None:
    """All warm, or nothing selected: the run neither waits nor fails."""
    warm = dict.fromkeys((placement.key for placement in plan(three).placements), now)
    for made in (plan(three, NIGHT % "fail", warm=warm), plan([], NIGHT % "fail")):
        assert made.failures == ()
        assert Disposition.WINDOW_CLOSED not in dispositions(made).values()


def test_the_budget_comes_before_the_window(
    three: list[Artifact], plan: Callable[..., Plan]
) -> None:
    """What does not fit is told as such; nobody is asked for more while nothing may run."""
    made = plan(three, "budget: {maxImages: 1, onExceed: ask}", NIGHT % "wait")
    assert dispositions(made) == {
        "a": Disposition.WINDOW_CLOSED,
        "b": Disposition.OVER_BUDGET,
        "c": Disposition.OVER_BUDGET,
    }
    assert made.over_budget == ""
    assert made.opens_at is not None
    failed = plan(three, "budget: {maxImages: 1, onExceed: fail}", NIGHT % "fail")
    assert len(failed.failures) == 1


def test_all_platforms_of_an_image_are_one_image(
    art: Callable[..., Artifact], plan: Callable[..., Plan]
) -> None:
    """No budget of images warms half of one; the same digest in two Harbors is two."""
    both = art(number=1, platforms=["linux/amd64", "linux/arm64"])
    older = art(number=2, tags="0.9", age=timedelta(days=3))
    made = plan([both, older], "budget: {maxImages: 1}")
    asked = [p.key.digest for p in made.placements if p.disposition is Disposition.ASK]
    assert asked == [child.digest for child in both.children]
