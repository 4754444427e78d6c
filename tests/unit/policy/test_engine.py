"""The engine: every candidate has one decision, newest counts digests, platforms are split."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from preheat.artifact import Child, Tag
from preheat.errors import ProblemsError
from preheat.plan import ReasonCode
from preheat.policy.engine import evaluate
from preheat.policy.model import Clusters

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from preheat.artifact import Artifact
    from preheat.plan import Plan
    from preheat.policy.model import Policy

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SOURCES = "sources: [{registry: harbor_default, projects: [library, ml-*]}]"


def codes(plan: Plan) -> dict[str, str]:
    """Give the deciding code of each decision, by tag."""
    return {d.tags[0] if d.tags else d.digest: d.reasons[0].code.value for d in plan.decisions}


@pytest.fixture
def versions(art: Callable[..., Artifact]) -> list[Artifact]:
    """Give five versions of one repository, 1.4 the newest, a day apart."""
    return [art(number=n, tags=f"1.{n}", age=(5 - n) * DAY) for n in range(5)]


def test_newest_counts_digests_not_tags(
    art: Callable[..., Artifact], versions: list[Artifact], plan: Callable[..., Plan]
) -> None:
    """An artifact with three tags takes one place of two; its aliases are listed."""
    aliased = art(number=9, tags="2.0 2 latest", age=HOUR)
    made = plan([*versions, aliased], "rules: [{name: r, take: {newest: 2}}]")
    assert [name for name, code in codes(made).items() if code == "SELECTED"] == ["2.0", "1.4"]
    newest = made.decisions[0]
    assert newest.tags == ("2.0", "2", "latest")
    assert [reason.code for reason in newest.reasons] == ["SELECTED", "SAME_DIGEST_AS"]
    assert newest.reasons[1].detail == "'2', 'latest': same digest as '2.0', counted once"


def test_the_rest_hears_its_place(versions: list[Artifact], plan: Callable[..., Plan]) -> None:
    """NOT_NEWEST tells the place, the order, the group, the limit and its line."""
    made = plan(versions, "rules:\n  - name: r\n    take: {newest: 3}")
    reason = made.decisions[3].reasons[0]
    assert reason.code is ReasonCode.NOT_NEWEST
    assert reason.detail == "number 4 of 5 by pushed in library/app; the rule takes the newest 3"
    assert reason.line == 7


@pytest.mark.parametrize(
    ("order", "first"),
    [("pushed", "b"), ("pulled", "c"), ("alphabetical", "d")],
)
def test_orders(
    order: str,
    first: str,
    art: Callable[..., Artifact],
    plan: Callable[..., Plan],
    now: datetime,
) -> None:
    """By the tag's push time, by the artifact's pull time, or by the last tag of the alphabet."""
    artifacts = [
        art(number=1, tags="a", age=5 * DAY, pull_time=now - 9 * DAY),
        art(number=2, tags=[Tag("b", now - HOUR)], age=50 * DAY),
        art(number=3, tags="c", age=6 * DAY, pull_time=now - HOUR),
        art(number=4, tags="d", age=7 * DAY),
    ]
    made = plan(artifacts, f"rules: [{{name: r, order: {{by: {order}}}, take: {{newest: 1}}}}]")
    assert [name for name, code in codes(made).items() if code == "SELECTED"] == [first]


def test_ties_go_by_digest(art: Callable[..., Artifact], plan: Callable[..., Plan]) -> None:
    """Two artifacts pushed at the same moment have a fixed order."""
    pair = [art(number=1, tags="one"), art(number=2, tags="two")]
    for artifacts in (pair, pair[::-1]):
        made = plan(artifacts, "rules: [{name: r, take: {newest: 1}}]")
        assert codes(made) == {"one": "NOT_NEWEST", "two": "SELECTED"}


def test_each_repository_has_its_newest(
    art: Callable[..., Artifact], plan: Callable[..., Plan]
) -> None:
    """Groups are repositories, of every project and registry by itself."""
    artifacts = [
        art(name, number=n, tags=str(n), age=n * DAY)
        for name in ("library/a", "library/b", "ml-1/a")
        for n in (1, 2)
    ]
    made = plan(artifacts, SOURCES, "rules: [{name: r, take: {newest: 1}}]")
    chosen = [d.repository for d in made.decisions if d.selected]
    assert chosen == ["library/a", "library/b", "ml-1/a"]


def test_any_rule_is_enough(versions: list[Artifact], plan: Callable[..., Plan]) -> None:
    """Rules add up; a selected artifact carries the reasons of the rules that took it."""
    rules = (
        "rules: [{name: new, take: {newest: 1}}, {name: old, tags: {allow: [{exact: '1.0'}]}},"
        " {name: newer, take: {newest: 2}}]"
    )
    made = plan(versions, rules)
    chosen = {d.tags[0]: [r.rule for r in d.reasons] for d in made.decisions if d.selected}
    assert chosen == {"1.4": ["new", "newer"], "1.3": ["newer"], "1.0": ["old"]}


def test_the_rule_that_came_furthest_speaks_first(
    art: Callable[..., Artifact], plan: Callable[..., Plan]
) -> None:
    """What is not selected carries every rule's reason, the most advanced one first."""
    rules = (
        "rules: [{name: a, repositories: {include: [{exact: x}]}},"
        " {name: b, age: {min: 9d}}, {name: c, tags: {allow: [{exact: x}]}}]"
    )
    (decision,) = plan([art()], rules).decisions
    assert [(r.rule, r.code.value) for r in decision.reasons] == [
        ("b", "TOO_YOUNG"),
        ("c", "TAG_NOT_ALLOWED"),
        ("a", "REPO_NOT_INCLUDED"),
    ]


def test_what_no_source_covers_is_no_candidate(
    art: Callable[..., Artifact], plan: Callable[..., Plan]
) -> None:
    """Another project or another Harbor has no decision; project globs take several."""
    artifacts = [art("library/a"), art("ml-1/a"), art("web/a"), art("library/a", registry="other")]
    made = plan(artifacts, SOURCES)
    assert [d.repository for d in made.decisions] == ["library/a", "ml-1/a"]


def test_types_are_the_sources_business(
    art: Callable[..., Artifact], plan: Callable[..., Plan]
) -> None:
    """A chart is out unless a source takes charts; one source that does is enough."""
    chart = art(type="CHART")
    (decision,) = plan([chart]).decisions
    assert decision.reasons[0].code is ReasonCode.TYPE_EXCLUDED
    assert decision.reasons[0].detail == "it is of type chart; the source takes image"
    two = (
        "sources: [{registry: harbor_default, projects: [library]},"
        " {registry: harbor_default, projects: ['*'], artifactTypes: [chart]}]"
    )
    assert plan([chart], two).decisions[0].selected


def test_platforms_are_split(art: Callable[..., Artifact], plan: Callable[..., Plan]) -> None:
    """One decision a platform: wanted and there, there but not wanted, wanted but missing."""
    image = art(platforms=["linux/amd64", "linux/s390x", "unknown/unknown", "linux/arm64/v8"])
    made = plan([image], "platforms: {include: [linux/arm64, linux/amd64, linux/arm/v7]}")
    assert {d.platform: d.reasons[0].code.value for d in made.decisions} == {
        "linux/amd64": "SELECTED",
        "linux/s390x": "PLATFORM_NOT_WANTED",
        "unknown/unknown": "PLATFORM_NOT_WANTED",
        "linux/arm64/v8": "SELECTED",
        "linux/arm/v7": "PLATFORM_MISSING",
    }
    assert [p.key.platform for p in made.placements] == ["linux/amd64", "linux/arm64/v8"]
    assert made.failures == ()


def test_attestations_are_no_images(
    art: Callable[..., Artifact], plan: Callable[..., Plan]
) -> None:
    """BuildKit's unknown/unknown child is never warmed, even where any platform is wanted."""
    made = plan([art(platforms=["linux/amd64", "unknown/unknown"])])
    assert [p.key.platform for p in made.placements] == ["linux/amd64"]
    assert made.decisions[1].reasons[0].detail.endswith("an attestation, not an image")


def test_on_missing_fail_makes_the_run_red(
    art: Callable[..., Artifact], plan: Callable[..., Plan]
) -> None:
    """What is there is placed all the same; the plan's failures say what the image lacks."""
    made = plan([art()], "platforms: {include: [linux/amd64, linux/arm64], onMissing: fail}")
    assert len(made.placements) == 1
    (failure,) = made.failures
    assert failure == (
        "library/app:1.0: there is no image for linux/arm64; it has linux/amd64,"
        " and platforms.onMissing is fail."
    )


def test_an_artifact_without_platform_is_taken_whole(
    art: Callable[..., Artifact], plan: Callable[..., Plan]
) -> None:
    """A model (CNAI) has no platform: its own digest is warmed."""
    model = art(type="CNAI", platforms=[])
    sources = "sources: [{registry: harbor_default, projects: [library], artifactTypes: [cnai]}]"
    made = plan([model], sources, "platforms: {include: [linux/amd64]}")
    (placement,) = made.placements
    assert (placement.key.platform, placement.key.digest) == ("", model.digest)
    assert placement.label == "library/app:1.0"


def test_the_same_image_in_two_artifacts_is_warmed_once(
    art: Callable[..., Artifact], plan: Callable[..., Plan]
) -> None:
    """A child of an index that is also tagged by itself brings no second placement."""
    index = art(number=1, tags="1.0", age=HOUR, platforms=["linux/amd64", "linux/arm64"])
    child = art(number=2, tags="1.0-amd64", age=2 * HOUR)
    child = art(
        tags="1.0-amd64",
        age=2 * HOUR,
        digest=index.children[0].digest,
        children=(Child(index.children[0].digest, "linux/amd64"),),
    )
    made = plan([child, index])
    assert len(made.placements) == 2
    last = made.decisions[-1]
    assert not last.selected
    assert last.reasons[0].code is ReasonCode.SAME_DIGEST_AS
    assert last.reasons[0].detail == "the same image as library/app:1.0 linux/amd64, warmed once"


def test_an_artifact_listed_twice_is_one_candidate(
    art: Callable[..., Artifact], plan: Callable[..., Plan]
) -> None:
    """A walk under concurrent pushes may meet an artifact before and after its tag moved."""
    before, after = art(tags="1.0"), art(tags="1.0 latest")
    assert plan([before, after]) == plan([after, before])
    assert len(plan([before, after]).decisions) == 1


def test_sources_and_rules_without_effect_are_warned_of(
    art: Callable[..., Artifact], plan: Callable[..., Plan]
) -> None:
    """A project that nobody may list looks like an empty one: the plan says so."""
    made = plan([art()], SOURCES, "rules: [{name: a}, {name: b, labels: {all: [x]}}]")
    unseen, idle = made.warnings
    assert unseen == (
        "The source 'harbor_default' has no artifact in a project that matches 'ml-*':"
        " check its spelling, and what the robot account may list."
    )
    assert idle == "The rule 'b' selected nothing."


def test_a_plan_carries_its_policy_and_clusters(
    art: Callable[..., Artifact],
    plan: Callable[..., Plan],
    policy: Callable[..., Policy],
    now: datetime,
) -> None:
    """What was evaluated can be read later, when the files have changed."""
    made = plan([art()])
    assert (made.policy, made.evaluated_at) == ("test", now)
    assert (made.policy_text, made.policy_hash) == (policy().text, policy().hash)
    assert [cluster["name"] for cluster in made.clusters] == ["eu-1"]
    assert made.counts() == Counter({"SELECTED": 1})


def test_a_cluster_that_is_gone_is_a_problem(policy: Callable[..., Policy], now: datetime) -> None:
    """A policy read with other clusters than it is evaluated with plans nothing."""
    with pytest.raises(ProblemsError, match="no cluster 'eu-1'; known clusters: none"):
        evaluate(policy(), [], Clusters(), now)
