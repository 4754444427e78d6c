"""Order, groups and newest: which of many images a rule takes, and the words on those it leaves."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from preheat.artifact import Tag
from preheat.plan import ReasonCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.artifact import Artifact
    from preheat.plan import Plan

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
CUDA = "tags: {allow: [{regex: 'v?(?P<ver>\\d+\\.\\d+\\.\\d+)-cuda(?P<cuda>\\d+\\.\\d+)'}]}"


def rule(*parts: str) -> str:
    """Write one rule."""
    return f"rules: [{{name: r, {', '.join(parts)}}}]"


def taken(plan: Plan) -> list[str]:
    """Name the selected images by the tag that speaks for them, in the order of the plan."""
    return [placement.tags[0] for placement in plan.placements]


@pytest.fixture
def releases(art: Callable[..., Artifact]) -> list[Artifact]:
    """Give versions 1.0.0 to 1.4.0 of one repository, pushed in the opposite order."""
    return [art(number=n, tags=f"1.{n}.0", age=(n + 1) * DAY) for n in range(5)]


@pytest.mark.parametrize(
    ("by", "tags", "order"),
    [
        ("semver", "2.9.0 v2.10.0 2.1.0", "v2.10.0 2.9.0 2.1.0"),
        ("calver", "24.10 2025.1 20241231 24.04", "2025.1 20241231 24.10 24.04"),
        ("numeric", "99 100 1.10 1.9", "100 99 1.9 1.10"),
        ("alphabetical", "b a10 a9 B", "b a9 a10 B"),
    ],
)
def test_orders_by_the_tag(
    by: str, tags: str, order: str, art: Callable[..., Artifact], plan: Callable[..., Plan]
) -> None:
    """Newest first by version, date, number or code point, whenever they were pushed."""
    artifacts = [art(number=n, tags=tag, age=n * DAY) for n, tag in enumerate(tags.split(), 1)]
    made = plan(artifacts, rule(f"order: {{by: {by}}}", "take: {newest: 9}"))
    assert taken(made) == order.split()


def test_an_equal_version_goes_by_push_time_then_digest(
    art: Callable[..., Artifact], plan: Callable[..., Plan]
) -> None:
    """1.0.0 and v1.0.0 tie: the younger tag is newer, and of equally young ones the digest."""
    artifacts = [
        art(number=7, tags="1.0.0", age=2 * DAY),
        art(number=2, tags="v1.0.0", age=DAY),
        art(number=3, tags="1.0.0_build", age=DAY),
    ]
    made = plan(artifacts, rule("order: {by: semver}", "take: {newest: 3}"))
    assert taken(made) == ["1.0.0_build", "v1.0.0", "1.0.0"]
    assert plan(artifacts[::-1], rule("order: {by: semver}", "take: {newest: 3}")) == made


def test_unknown_times_are_oldest(art: Callable[..., Artifact], plan: Callable[..., Plan]) -> None:
    """A tag without push time, or an artifact that nobody pulled, comes last and is no error."""
    artifacts = [art(number=1, tags=[Tag("x")]), art(number=2, tags="y", age=900 * DAY)]
    assert taken(plan(artifacts, rule("order: {by: pushed}", "take: {newest: 1}"))) == ["y"]
    assert taken(plan(artifacts, rule("order: {by: pulled}", "take: {newest: 1}"))) == ["y"]


def test_a_key_of_several_captures(art: Callable[..., Artifact], plan: Callable[..., Plan]) -> None:
    """Year and week make one number."""
    weeks = ["w_2025_52", "w_2026_01", "w_2026_10", "w_2026_09"]
    artifacts = [art(number=n, tags=tag) for n, tag in enumerate(weeks, 1)]
    pattern = "tags: {allow: [{regex: 'w_(?P<year>\\d{4})_(?P<week>\\d{2})'}]}"
    made = plan(
        artifacts, rule(pattern, "order: {by: numeric, key: $year$week}", "take: {newest: 3}")
    )
    assert taken(made) == ["w_2026_10", "w_2026_09", "w_2026_01"]


def test_a_group_that_took_no_part_is_empty(
    art: Callable[..., Artifact], plan: Callable[..., Plan]
) -> None:
    """Images with and without a suffix are two groups."""
    tags = ["1.0.0", "1.1.0", "1.0.0-gpu", "1.1.0-gpu"]
    artifacts = [art(number=n, tags=tag) for n, tag in enumerate(tags, 1)]
    pattern = "tags: {allow: [{regex: '(?P<ver>\\d+\\.\\d+\\.\\d+)(-(?P<kind>[a-z]+))?'}]}"
    order = "order: {by: semver, key: $ver}"
    made = plan(
        artifacts, rule(pattern, order, "groupBy: [repository, $kind]", "take: {newest: 1}")
    )
    assert sorted(taken(made)) == ["1.1.0", "1.1.0-gpu"]


def test_each_line_has_its_newest(art: Callable[..., Artifact], plan: Callable[..., Plan]) -> None:
    """Newest of every CUDA line; what is left hears the name of its group."""
    tags = ["2.4.1-cuda12.4", "2.4.0-cuda12.4", "2.3.9-cuda11.8", "2.3.8-cuda11.8"]
    artifacts = [art(number=n, tags=tag) for n, tag in enumerate(tags, 1)]
    order = "order: {by: semver, key: $ver}"
    made = plan(artifacts, rule(CUDA, order, "groupBy: [repository, $cuda]", "take: {newest: 1}"))
    assert set(taken(made)) == {"2.4.1-cuda12.4", "2.3.9-cuda11.8"}
    (left,) = [d.reasons[0] for d in made.decisions if d.tags == ("2.3.8-cuda11.8",)]
    assert left.detail == (
        "number 2 of 2 by semver in library/app ($cuda '11.8'); the rule takes the newest 1"
    )


def test_an_image_in_two_groups_counts_in_each(
    art: Callable[..., Artifact], plan: Callable[..., Plan]
) -> None:
    """Out of one group, in by the other: its tag of that group speaks for it."""
    both = art(number=1, tags="1.0.0-cuda11.8 1.0.0-cuda12.4", age=DAY)
    newer = art(number=2, tags="1.1.0-cuda12.4", age=HOUR)
    parts = (CUDA, "order: {by: semver, key: $ver}", "groupBy: [$cuda]", "take: {newest: 1}")
    made = plan([both, newer], rule(*parts))
    assert set(taken(made)) == {"1.0.0-cuda11.8", "1.1.0-cuda12.4"}
    assert [d.tags for d in made.decisions if d.digest == both.digest] == [
        ("1.0.0-cuda11.8", "1.0.0-cuda12.4")
    ]
    only = plan([both], rule(*parts))
    assert [(r.code, r.rule) for r in only.decisions[0].reasons] == [("SELECTED", "r")] * 2
    assert len(only.placements) == 1


def test_group_by_project(art: Callable[..., Artifact], plan: Callable[..., Plan]) -> None:
    """One group over all repositories of a project; projects and Harbors stay apart."""
    artifacts = [
        art("library/a", 1, tags="1", age=2 * DAY),
        art("library/b", 2, tags="2", age=DAY),
        art("web/a", 3, tags="3", age=9 * DAY),
        art("library/a", 4, tags="4", registry="harbor_2", age=8 * DAY),
    ]
    sources = (
        "sources: [{registry: harbor_default, projects: ['*']},"
        " {registry: harbor_2, projects: ['*']}]"
    )
    made = plan(artifacts, sources, rule("groupBy: [project]", "take: {newest: 1}"))
    assert sorted(taken(made)) == ["2", "3", "4"]
    (left,) = [d.reasons[0].detail for d in made.decisions if not d.selected]
    assert left == "number 2 of 2 by pushed in library; the rule takes the newest 1"


def test_newest_three_are_three_digests(
    art: Callable[..., Artifact], plan: Callable[..., Plan]
) -> None:
    """Five tags on three images fill three places; the highest version speaks, the rest is told."""
    artifacts = [
        art(number=1, tags="latest 2 2.4 2.4.1"),
        art(number=2, tags="2.3 2.3.0"),
        art(number=3, tags="2.2.0"),
        art(number=4, tags="2.1.0"),
    ]
    parts = (
        "tags: {allow: [{regex: '[0-9.]+'}]}",
        "order: {by: semver, strict: false}",
        "take: {newest: 3}",
    )
    made = plan(artifacts, rule(*parts))
    assert taken(made) == ["2.4.1", "2.3.0", "2.2.0"]
    alias = made.decisions[0].reasons[1]
    assert alias.code is ReasonCode.SAME_DIGEST_AS
    assert alias.detail == "'2.4', '2': same digest as '2.4.1', counted once"
    assert set(made.decisions[0].tags) == {"2.4.1", "2.4", "2", "latest"}


def test_plus_previous_takes_the_way_back(
    releases: list[Artifact], plan: Callable[..., Plan]
) -> None:
    """The one before the newest is in too; the reason of the rest tells both numbers."""
    made = plan(releases, rule("order: {by: semver}", "take: {newest: 1, plusPrevious: 1}"))
    assert taken(made) == ["1.4.0", "1.3.0"]
    (left,) = [d.reasons[0].detail for d in made.decisions if d.tags == ("1.2.0",)]
    assert left == (
        "number 3 of 5 by semver in library/app; the rule takes the newest 1 and 1 before"
    )
