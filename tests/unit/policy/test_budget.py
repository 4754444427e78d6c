"""A budget is never exceeded, and says what it left out and why."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from preheat.artifact import Blob, Image
from preheat.placement import PlacementKey, Scope, TrackSettings
from preheat.plan import Disposition, PlannedPlacement
from preheat.policy import budget as module
from preheat.policy.budget import Budget, BudgetOutcome, BudgetSpec, OnExceed, apply
from preheat.policy.part import At
from preheat.policy.weighing import weigh
from preheat.policy.yamltext import parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
GIB = 1024**3
SETTINGS = TrackSettings("dragonfly", "dragonfly_default", 1, "harbor_default")


@dataclass(frozen=True)
class Made:
    """An image of the tests: its layers by name and size, its age in days, whether pinned."""

    name: str
    layers: tuple[tuple[str, int], ...] | None
    age: int | None = 1
    pinned: bool = False
    repository: str = "ml/train"

    def on(self, cluster: str = "eu-1", **more: object) -> PlannedPlacement:
        """Make a placement of it."""
        endpoint = "https://harbor.example.com"
        key = PlacementKey(
            cluster, endpoint, self.repository, self.name, "linux/amd64", Scope.ALL_SEED_PEERS
        )
        planned = PlannedPlacement(key, SETTINGS, f"{self.repository}:{self.name}")
        return replace(planned, **more)  # type: ignore[arg-type]


def sized(name: str, size: int | None, age: int | None = 1, **more: object) -> Made:
    """Make an image of one layer that nobody shares."""
    layers = None if size is None else ((f"layer of {name}", size),)
    return Made(name, layers, age, **more)  # type: ignore[arg-type]


def run(
    budget: Budget,
    placements: Sequence[PlannedPlacement],
    images: Sequence[Made],
    spent: Mapping[str, int] | None = None,
) -> BudgetOutcome:
    """Apply a budget."""
    known = {(each.repository, each.name): each for each in images}

    def made(key: PlacementKey) -> Made:
        return known[key.repository, key.digest]

    def image_of(key: PlacementKey) -> Image | None:
        layers = made(key).layers
        blobs = [Blob(name, size) for name, size in layers or ()]
        return None if layers is None else Image(key.digest, key.platform, tuple(blobs))

    def pushed_at(key: PlacementKey) -> datetime | None:
        age = made(key).age
        return None if age is None else NOW - timedelta(days=age)

    return apply(
        budget,
        placements,
        image_of=image_of,
        name_of=lambda planned: (planned.key.repository, planned.key.digest),
        pushed_at=pushed_at,
        pinned=lambda key: made(key).pinned,
        spent=spent or {},
    )


def asked(outcome: BudgetOutcome) -> list[str]:
    """Name what is still asked for, ``image@cluster``."""
    return [
        f"{each.key.digest}@{each.key.cluster}"
        for each in outcome.placements
        if each.disposition is Disposition.ASK
    ]


def details(outcome: BudgetOutcome) -> dict[str, str]:
    """Give the details of what fell out."""
    return {
        each.key.digest: each.detail
        for each in outcome.placements
        if each.disposition is Disposition.OVER_BUDGET
    }


def test_the_example_loads() -> None:
    """What the docstring shows makes this budget."""
    document = parse(dedent(str(module.__doc__).split("::\n\n")[1]), "example")
    assert isinstance(document.data, dict)
    spec = BudgetSpec.model_validate(document.data["budget"])
    assert spec.model_fields_set == set(BudgetSpec.model_fields)
    assert spec.build(At(document, ("budget",))) == Budget(
        40, 200 * GIB, 300 * GIB, OnExceed.TRIM, 1
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "write at least one of maxImages, perRun and perClusterPerDay"),
        ({"onExceed": "fail"}, "write at least one of maxImages"),
        ({"maxImages": "0"}, "greater than or equal to 1"),
        ({"maxImages": "40", "onExceed": "drop"}, "'trim', 'fail' or 'ask'"),
        ({"perRun": "200"}, "'200' is not a size"),
        ({"perClusterPerDay": "0GiB"}, "'0GiB' is nothing"),
    ],
)
def test_what_cannot_be_meant_is_refused(data: dict[str, object], words: str) -> None:
    """A budget has a limit, and no limit is zero."""
    with pytest.raises(ValidationError, match=words):
        BudgetSpec.model_validate(data)


NEW, OLD = sized("new", 60 * GIB, 1), sized("old", 50 * GIB, 9)


def test_what_fits_stays_as_it_is() -> None:
    """To the last byte, and without a word."""
    placements = [OLD.on(), NEW.on(), NEW.on("us-1")]
    outcome = run(Budget(2, 170 * GIB, 110 * GIB), placements, [OLD, NEW])
    assert outcome == BudgetOutcome(tuple(placements))


def test_the_oldest_falls_out_first() -> None:
    """Whatever the order of the plan, which is kept; the detail names limit, use and addition."""
    outcome = run(Budget(per_run_bytes=100 * GIB), [OLD.on(), NEW.on()], [OLD, NEW])
    assert asked(outcome) == ["new@eu-1"]
    assert [each.key.digest for each in outcome.placements] == ["old", "new"]
    assert details(outcome) == {
        "old": (
            "budget.perRun is 100.0 GiB; 60.0 GiB are taken and it adds 50.0 GiB, 110.0 GiB in all"
        )
    }
    assert outcome.warnings == ("The budget leaves out 1 of 2 placements: ml/train:old.",)
    assert (outcome.failures, outcome.question) == ((), "")


def test_of_equally_old_ones_the_largest_falls_out_first() -> None:
    """An age that nobody knows is the oldest of all."""
    large, small, undated = sized("large", 3), sized("small", 2), sized("undated", 1, None)
    images = [undated, large, small]
    placements = [each.on() for each in images]
    for limit, names in [(1, ["small"]), (2, ["large", "small"])]:
        assert asked(run(Budget(limit), placements, images)) == [f"{name}@eu-1" for name in names]


def test_a_huge_image_does_not_keep_out_the_rest() -> None:
    """It falls out although it is the newest, because alone it exceeds the budget."""
    huge = sized("huge", 250 * GIB, 0)
    outcome = run(
        Budget(per_run_bytes=200 * GIB), [huge.on(), NEW.on(), OLD.on()], [huge, NEW, OLD]
    )
    assert asked(outcome) == ["new@eu-1", "old@eu-1"]
    assert details(outcome) == {"huge": "budget.perRun is 200.0 GiB and it alone has 250.0 GiB"}


def test_a_byte_too_much_is_told_to_the_byte() -> None:
    """Nobody reads that 1.0 GiB is more than 1.0 GiB."""
    image = sized("a", GIB + 1)
    assert details(run(Budget(per_run_bytes=GIB), [image.on()], [image])) == {
        "a": "budget.perRun is 1073741824 bytes and it alone has 1073741825 bytes"
    }


def test_pins_fall_out_last() -> None:
    """A person's word is worth more than youth; a pin that does not fit is told by name."""
    pin, other = sized("pin", 60, 90, pinned=True), sized("other", 50, 95, pinned=True)
    images = [NEW, pin, other]
    outcome = run(Budget(per_run_bytes=100), [each.on() for each in images], images)
    assert asked(outcome) == ["pin@eu-1"]
    assert outcome.warnings == (
        "The budget leaves out 2 of 3 placements: ml/train:new, ml/train:other.",
        (
            "The pinned ml/train:other is left out: budget.perRun is 100 B; 60 B are taken and it"
            " adds 50 B, 110 B in all."
        ),
    )


def test_an_image_counts_once_over_all_clusters() -> None:
    """``maxImages`` limits images, not placements."""
    placements = [each.on(cluster) for cluster in ("eu-1", "us-1") for each in (NEW, OLD)]
    outcome = run(Budget(1), placements, [NEW, OLD])
    assert asked(outcome) == ["new@eu-1", "new@us-1"]
    assert details(outcome)["old"] == ("budget.maxImages is 1 and it would be image number 2")


def test_a_shared_layer_counts_once() -> None:
    """An image that brings little new fits where it would not by itself."""
    first = Made("first", (("base", 90), ("a", 5)), 1)
    second = Made("second", (("base", 90), ("b", 5)), 2)
    outcome = run(Budget(per_run_bytes=100), [first.on(), second.on()], [first, second])
    assert asked(outcome) == ["first@eu-1", "second@eu-1"]


def test_a_day_of_a_cluster_counts_what_was_asked_earlier() -> None:
    """Each cluster by itself; the detail tells all three figures."""
    placements = [NEW.on("eu-1"), NEW.on("us-1"), OLD.on("us-1")]
    limits = Budget(per_cluster_per_day_bytes=100 * GIB)
    outcome = run(limits, placements, [NEW, OLD], {"eu-1": 40 * GIB, "us-1": 10 * GIB})
    assert asked(outcome) == ["new@eu-1", "new@us-1"]
    assert details(outcome)["old"] == (
        "budget.perClusterPerDay is 100.0 GiB; 10.0 GiB were asked of us-1 earlier in the day,"
        " 60.0 GiB are taken and it adds 50.0 GiB, 120.0 GiB in all"
    )


def test_an_unknown_size_fits_no_bytes_but_counts_as_an_image() -> None:
    """What nobody can weigh could be anything."""
    unknown = sized("unknown", None)
    images = [unknown, NEW]
    placements = [each.on() for each in images]
    assert asked(run(Budget(2), placements, images)) == ["unknown@eu-1", "new@eu-1"]
    assert not Budget(2).counts_bytes
    for limits, name in [
        (Budget(per_run_bytes=500 * GIB), "budget.perRun"),
        (Budget(per_cluster_per_day_bytes=500 * GIB), "budget.perClusterPerDay"),
    ]:
        outcome = run(limits, placements, images)
        assert limits.counts_bytes
        assert asked(outcome) == ["new@eu-1"]
        detail = f"its size is not known, so it does not fit {name}"
        assert details(outcome) == {"unknown": detail}


def test_only_what_would_be_asked_for_counts() -> None:
    """What is warm already, or waits for another run, costs nothing and stays as it is."""
    warm = OLD.on(disposition=Disposition.ALREADY_WARM, detail="found warm")
    outcome = run(Budget(1), [warm, NEW.on()], [OLD, NEW])
    assert outcome == BudgetOutcome((warm, NEW.on()))


EXCEEDED = (
    "The plan is over its budget: 3 images, budget.maxImages is 2; 110.0 GiB in all clusters,"
    " budget.perRun is 100.0 GiB; 150.0 GiB in eu-1 (40.0 GiB of it earlier in the day),"
    " budget.perClusterPerDay is 120.0 GiB; 1 image of unknown size, budget.perRun needs it."
)
TIGHT = Budget(2, 100 * GIB, 120 * GIB)
UNKNOWN = sized("unknown", None, 3)


def test_fail_asks_for_nothing_and_says_why() -> None:
    """One failure with the figures of every limit that is exceeded."""
    placements = [NEW.on(), OLD.on(), UNKNOWN.on()]
    limits = replace(TIGHT, on_exceed=OnExceed.FAIL)
    outcome = run(limits, placements, [NEW, OLD, UNKNOWN], {"eu-1": 40 * GIB})
    assert asked(outcome) == []
    assert outcome.failures == (EXCEEDED,)
    assert set(details(outcome).values()) == {
        f"onExceed is fail, so nothing is asked for: {EXCEEDED}"
    }


def test_ask_trims_and_asks_a_person() -> None:
    """The question names what is wanted, the limits, and what fits."""
    placements = [NEW.on(), OLD.on(), UNKNOWN.on()]
    limits = replace(TIGHT, on_exceed=OnExceed.ASK)
    outcome = run(limits, placements, [NEW, OLD, UNKNOWN], {"eu-1": 40 * GIB})
    assert asked(outcome) == ["new@eu-1"]
    assert outcome.question == (
        f"{EXCEEDED} Within it: 1 image, 60.0 GiB. Ask for all of it nevertheless?"
    )
    assert outcome.failures == ()


layers = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.just(0)), min_size=1, max_size=4, unique=True
).map(lambda drawn: tuple((name, 7 * (ord(name) - 96) ** 2) for name, _ in drawn))
drawn_images = st.lists(
    st.builds(
        Made,
        st.sampled_from([f"image-{n}" for n in range(9)]),
        st.one_of(layers, layers, layers, st.none()),
        st.one_of(st.integers(0, 3), st.none()),
        st.booleans(),
        st.sampled_from(["ml/train", "web/app"]),
    ),
    min_size=1,
    max_size=9,
    unique_by=lambda made: (made.repository, made.name),
)
maybe = st.one_of(st.none(), st.integers(1, 900))
limits_of = st.builds(Budget, st.one_of(st.none(), st.integers(1, 8)), maybe, maybe)
spents = st.dictionaries(st.sampled_from(["eu-1", "us-1"]), st.integers(0, 400))


@st.composite
def plans(draw: st.DrawFn) -> tuple[list[PlannedPlacement], list[Made]]:
    """Draw images, and placements of them in an order of their own."""
    images = draw(drawn_images)
    placements = [each.on(cluster) for cluster in ("eu-1", "us-1") for each in images]
    dispositions = st.sampled_from([Disposition.ASK, Disposition.ASK, Disposition.ALREADY_WARM])
    given_out = [replace(each, disposition=draw(dispositions)) for each in placements]
    return draw(st.permutations(given_out)), images


def kept(outcome: BudgetOutcome) -> list[PlannedPlacement]:
    """Give what is still asked for."""
    return [each for each in outcome.placements if each.disposition is Disposition.ASK]


def exceeds(
    limits: Budget,
    placements: Sequence[PlannedPlacement],
    images: Sequence[Made],
    spent: Mapping[str, int],
) -> bool:
    """Count again, in another way."""
    known = {(each.repository, each.name): each.layers for each in images}
    names = {(each.key.repository, each.key.digest) for each in placements}
    if limits.max_images is not None and len(names) > limits.max_images:
        return True
    blobs: dict[tuple[str, str, str], int] = {}
    for each in placements:
        content = known[each.key.repository, each.key.digest]
        if content is None:
            if limits.per_run_bytes is not None or limits.per_cluster_per_day_bytes is not None:
                return True
            continue
        for name, size in content:
            blobs[each.key.cluster, each.key.repository, name] = size
    if limits.per_run_bytes is not None and sum(blobs.values()) > limits.per_run_bytes:
        return True
    most = limits.per_cluster_per_day_bytes
    return most is not None and any(
        spent.get(cluster, 0) + sum(size for place, size in blobs.items() if place[0] == cluster)
        > most
        for cluster in {each.key.cluster for each in placements}
    )


@settings(max_examples=300, deadline=None)
@given(plans(), limits_of, spents)
def test_a_budget_is_never_exceeded_and_never_wasted(
    plan: tuple[list[PlannedPlacement], list[Made]], limits: Budget, spent: dict[str, int]
) -> None:
    """What is kept fits; nothing that fell out would still fit; the rest is as it was, in order."""
    placements, images = plan
    outcome = run(limits, placements, images, spent)
    assert not exceeds(limits, kept(outcome), images, spent)
    assert [each.key for each in outcome.placements] == [each.key for each in placements]
    for before, after in zip(placements, outcome.placements, strict=True):
        if after.disposition is Disposition.OVER_BUDGET:
            assert before.disposition is Disposition.ASK
            assert after.detail
            assert exceeds(limits, [*kept(outcome), before], images, spent)
        else:
            assert after == before


def as_drawn(
    placements: Sequence[PlannedPlacement], images: Sequence[Made]
) -> list[PlannedPlacement]:
    """Sort as the contract says: pins, then newest, then smallest, then by the plan."""
    known = {(each.repository, each.name): each for each in images}

    def rank(each: PlannedPlacement) -> tuple[bool, float, float]:
        image = known[each.key.repository, each.key.digest]
        size = float("inf") if image.layers is None else sum(size for _, size in image.layers)
        return (not image.pinned, float("inf") if image.age is None else image.age, size)

    return sorted((each for each in placements if each.disposition is Disposition.ASK), key=rank)


@settings(max_examples=300, deadline=None)
@given(plans(), limits_of, limits_of, spents)
def test_a_bigger_budget_gives_up_no_image_for_an_older_one(
    plan: tuple[list[PlannedPlacement], list[Made]],
    first: Budget,
    second: Budget,
    spent: dict[str, int],
) -> None:
    """The first placement that only one of two budgets lets through is the bigger budget's.

    So the smaller never lets through what the bigger does and more.
    """
    placements, images = plan

    def least(one: int | None, two: int | None) -> int | None:
        both = [each for each in (one, two) if each is not None]
        return min(both, default=None)

    smaller = Budget(
        least(first.max_images, second.max_images),
        least(first.per_run_bytes, second.per_run_bytes),
        least(first.per_cluster_per_day_bytes, second.per_cluster_per_day_bytes),
    )
    more = {each.key for each in kept(run(first, placements, images, spent))}
    less = {each.key for each in kept(run(smaller, placements, images, spent))}
    for each in as_drawn(placements, images):
        if (each.key in more) != (each.key in less):
            assert each.key in more
            break
    assert not less > more


@settings(max_examples=100, deadline=None)
@given(plans(), st.integers(1, 8), st.integers(1, 8))
def test_more_images_only_ever_add(
    plan: tuple[list[PlannedPlacement], list[Made]], one: int, two: int
) -> None:
    """Of ``maxImages`` alone, a bigger budget lets all through that a smaller one does."""
    placements, images = plan
    low, high = sorted((one, two))
    few = {each.key for each in kept(run(Budget(low), placements, images))}
    assert few <= {each.key for each in kept(run(Budget(high), placements, images))}


@settings(max_examples=200, deadline=None)
@given(plans(), limits_of, spents)
def test_nothing_falls_out_that_dropping_the_oldest_would_keep(
    plan: tuple[list[PlannedPlacement], list[Made]], limits: Budget, spent: dict[str, int]
) -> None:
    """Dropping what alone exceeds, then the oldest until the rest fits, never keeps more."""
    placements, images = plan
    rest = [
        each for each in as_drawn(placements, images) if not exceeds(limits, [each], images, spent)
    ]
    while rest and exceeds(limits, rest, images, spent):
        rest.pop()
    assert {each.key for each in rest} <= {
        each.key for each in kept(run(limits, placements, images, spent))
    }


@settings(max_examples=100, deadline=None)
@given(plans(), limits_of, spents)
def test_fail_is_all_or_nothing(
    plan: tuple[list[PlannedPlacement], list[Made]], limits: Budget, spent: dict[str, int]
) -> None:
    """All is asked for where all fits, else nothing."""
    placements, images = plan
    outcome = run(replace(limits, on_exceed=OnExceed.FAIL), placements, images, spent)
    wanted = as_drawn(placements, images)
    if exceeds(limits, wanted, images, spent):
        assert not kept(outcome)
        assert len(outcome.failures) == 1
    else:
        assert outcome == BudgetOutcome(tuple(placements))


def test_a_long_plan_is_trimmed_soon() -> None:
    """Weighing grows with the plan, not with its square: the bytes are those of the scale."""
    images = [sized(f"image-{n}", n + 1, n) for n in range(5000)]
    outcome = run(Budget(2500, 10**9), [each.on() for each in images], images)
    assert len(kept(outcome)) == 2500

    def image_of(key: PlacementKey) -> Image:
        return Image(key.digest, "", (Blob(key.digest, int(key.digest.split("-")[1]) + 1),))

    assert weigh(kept(outcome), image_of)["eu-1"].bytes == sum(range(1, 2501))
