"""What holds for every catalogue and every policy, whatever they are."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from preheat.artifact import Artifact, Child, Tag

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.plan import Plan

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
# No deadline: a busy machine is no failure.
some = settings(max_examples=40, deadline=None)

PLATFORMS = ["linux/amd64", "linux/arm64", "linux/arm/v7", "unknown/unknown"]
WIDE = "sources: [{registry: harbor_default, projects: ['*'], artifactTypes: [image, cnai]}]"

times = st.one_of(
    st.none(), st.integers(0, 90 * 24).map(lambda hours: NOW - timedelta(hours=hours))
)
TAGS = ["1.0", "1.1", "1.0.1", "1.10.0", "v2.0.0-rc.1", "1.0-rc1", "20261123", "latest", "dev"]
tags = st.builds(Tag, st.sampled_from(TAGS), times)


@st.composite
def artifacts(draw: st.DrawFn) -> Artifact:
    """Draw an artifact of a small world, so that repositories, times and images collide."""
    number = draw(st.integers(0, 30))
    platforms = draw(st.lists(st.sampled_from(PLATFORMS), max_size=3, unique=True))
    children = [
        Child(f"sha256:{draw(st.integers(100, 106)):064x}", platform) for platform in platforms
    ]
    return Artifact(
        registry=draw(st.sampled_from(["harbor_default", "other"])),
        project=draw(st.sampled_from(["library", "web"])),
        repository=draw(st.sampled_from(["app", "tmp/app", "db"])),
        digest=f"sha256:{number:064x}",
        type=draw(st.sampled_from(["IMAGE", "IMAGE", "CNAI", "CHART"])),
        push_time=draw(times),
        pull_time=draw(times),
        tags=tuple(draw(st.lists(tags, max_size=3, unique_by=lambda tag: tag.name))),
        labels=tuple(draw(st.lists(st.sampled_from(["a", "b", "hold"]), max_size=2, unique=True))),
        children=tuple(children),
    )


catalogues = st.lists(
    artifacts(), max_size=12, unique_by=lambda a: (a.registry, a.full_name, a.digest)
)

conditions = st.sampled_from([
    "repositories: {include: [{exact: app}]}",
    "repositories: {exclude: [{glob: 'tmp/**'}]}",
    "tags: {allow: [{regex: '1[.].*'}], deny: [{glob: '*-rc*'}]}",
    "labels: {any: [a, b], none: [hold]}",
    "age: {min: 2d}",
    "age: {clock: pulled, max: 20d}",
])
LINES = "tags: {allow: [{regex: '(?P<line>[0-9]+[.][0-9]+).*'}]}"
orders = st.sampled_from([
    "order: {by: pushed}",
    "order: {by: pulled}",
    "order: {by: alphabetical}",
    "order: {by: numeric}",
    "order: {by: calver}",
    "order: {by: semver, strict: false, prerelease: include}",
    "order: {by: semver, ranges: ['>=1.0.1 <2', '^2']}",
    f"{LINES}, groupBy: [repository, $line]",
    f"{LINES}, order: {{by: numeric, key: $line}}, groupBy: [project]",
])


def key_of(condition: str) -> str:
    """Give the key of a condition: a rule has each once."""
    return condition.partition(":")[0]


@st.composite
def rules(draw: st.DrawFn, *, take: bool = True) -> str:
    """Draw one to three rules, each of some conditions with different keys."""
    drawn: list[str] = []
    for number in range(draw(st.integers(1, 3))):
        order = draw(orders)
        chosen = draw(st.lists(conditions, max_size=3, unique_by=key_of))
        parts = [f"name: r{number}", order, *(c for c in chosen if key_of(c) not in order)]
        if take:
            newest, previous = draw(st.integers(1, 3)), draw(st.integers(0, 1))
            parts.append(f"take: {{newest: {newest}, plusPrevious: {previous}}}")
        drawn.append("{" + ", ".join(parts) + "}")
    return f"rules: [{', '.join(drawn)}]"


def decided(plan: Plan) -> list[tuple[str, str, str, str]]:
    """Give what each decision is about."""
    return [(d.registry, d.repository, d.digest, d.platform) for d in plan.decisions]


@some
@given(catalogues, rules(), st.randoms(use_true_random=False))
def test_the_order_of_artifacts_does_not_matter(
    plan: Callable[..., Plan], catalogue: list[Artifact], rule: str, random: object
) -> None:
    """Pages may come in any order; evaluating again gives the same plan."""
    shuffled = list(catalogue)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first = plan(catalogue, WIDE, rule)
    assert plan(shuffled, WIDE, rule) == first
    assert plan(catalogue, WIDE, rule) == first


@some
@given(catalogues, rules())
def test_every_candidate_has_one_decision_with_reasons(
    plan: Callable[..., Plan], catalogue: list[Artifact], rule: str
) -> None:
    """Nothing is dropped silently and nothing decided twice."""
    made = plan(catalogue, WIDE, rule)
    whole = [(d.registry, d.repository, d.digest) for d in made.decisions]
    covered = [a for a in catalogue if a.registry == "harbor_default"]
    assert set(whole) == {(a.registry, a.full_name, a.digest) for a in covered}
    assert len(decided(made)) == len(set(decided(made)))
    assert all(d.reasons and all(r.detail for r in d.reasons) for d in made.decisions)
    assert all(d.selected == (d.reasons[0].code == "SELECTED") for d in made.decisions)


@some
@given(catalogues, rules())
def test_placements_are_the_selected_images(
    plan: Callable[..., Plan], catalogue: list[Artifact], rule: str
) -> None:
    """Each selected decision leads to one placement on the cluster, and no other does."""
    made = plan(catalogue, WIDE, rule)
    selected = sorted((d.repository, d.platform) for d in made.decisions if d.selected)
    assert sorted((p.key.repository, p.key.platform) for p in made.placements) == selected
    assert len({p.key for p in made.placements}) == len(made.placements)


@some
@given(catalogues, artifacts(), rules())
def test_an_unrelated_artifact_changes_nothing(
    plan: Callable[..., Plan], catalogue: list[Artifact], more: Artifact, rule: str
) -> None:
    """What lies in another repository has no say here."""
    stranger = replace(more, registry="harbor_default", project="zoo")
    before, after = plan(catalogue, WIDE, rule), plan([*catalogue, stranger], WIDE, rule)
    assert [d for d in after.decisions if not d.repository.startswith("zoo/")] == list(
        before.decisions
    )
    assert [p for p in after.placements if not p.key.repository.startswith("zoo/")] == list(
        before.placements
    )


@some
@given(catalogues, st.lists(conditions, min_size=1, max_size=3, unique_by=key_of))
def test_another_condition_never_adds(
    plan: Callable[..., Plan], catalogue: list[Artifact], chosen: list[str]
) -> None:
    """A rule with one condition more places a part of what it placed before."""

    def placed(parts: list[str]) -> set[object]:
        rule = f"rules: [{{{', '.join(['name: r', *parts])}}}]"
        return {p.key for p in plan(catalogue, WIDE, rule).placements}

    assert placed(chosen) <= placed(chosen[:-1])


@some
@given(catalogues, rules(take=False), st.integers(1, 3))
def test_taking_fewer_never_adds(
    plan: Callable[..., Plan], catalogue: list[Artifact], rule: str, newest: int
) -> None:
    """A smaller ``take.newest`` places a part of what a larger one places."""

    def placed(limit: int) -> set[object]:
        limited = rule.replace("{name:", f"{{take: {{newest: {limit}}}, name:")
        return {p.key for p in plan(catalogue, WIDE, limited).placements}

    assert placed(newest) <= placed(newest + 1)


TIGHTER = st.sampled_from([
    ("", "labels: {all: [a]}"),
    ("labels: {any: [a, b]}", "labels: {all: [a, b]}"),
    ("labels: {any: [a, b]}", "labels: {any: [a, b], none: [hold]}"),
    ("age: {max: 30d}", "age: {max: 3d}"),
    ("age: {max: 30d}", "age: {min: 2d, max: 30d}"),
    ("tags: {deny: [{exact: dev}]}", "tags: {allow: [{glob: '1*'}], deny: [{exact: dev}]}"),
    ("tags: {allow: [{glob: '*'}]}", "tags: {allow: [{glob: '*'}], deny: [{glob: '*0*'}]}"),
    ("order: {by: semver, strict: false}", "order: {by: semver}"),
    ("order: {by: semver, prerelease: include}", "order: {by: semver, prerelease: exclude}"),
    ("order: {by: semver, ranges: ['>=1']}", "order: {by: semver, ranges: ['>=1.0.1 <1.9']}"),
])


def one_rule(*parts: str) -> str:
    """Write a policy's rules with one rule."""
    return f"rules: [{{{', '.join(['name: r', *filter(None, parts)])}}}]"


@some
@given(catalogues, TIGHTER)
def test_tightening_a_rule_without_take_never_adds(
    plan: Callable[..., Plan], catalogue: list[Artifact], pair: tuple[str, str]
) -> None:
    """What a narrower condition places, a wider one places too."""
    loose, tight = ({p.key for p in plan(catalogue, WIDE, one_rule(c)).placements} for c in pair)
    assert tight <= loose


@some
@given(catalogues, TIGHTER, st.integers(1, 2))
def test_tightening_a_rule_with_take_only_moves_older_ones_up(
    plan: Callable[..., Plan], catalogue: list[Artifact], pair: tuple[str, str], newest: int
) -> None:
    """With ``take`` an image may come in: only one that fell short of the newest before.

    It takes the place of one that went out, so no repository ever gets more images.
    """
    plain = [replace(a, children=(Child(a.digest, "linux/amd64"),)) for a in catalogue]
    loose, tight = (
        plan(plain, WIDE, one_rule(c, f"take: {{newest: {newest}}}")).decisions for c in pair
    )
    taken = [{(d.repository, d.digest) for d in made if d.selected} for made in (loose, tight)]
    fell_short = {(d.repository, d.digest) for d in loose if d.reasons[0].code == "NOT_NEWEST"}
    assert taken[1] - taken[0] <= fell_short
    counts = [Counter(repository for repository, _ in each) for each in taken]
    assert all(counts[1][name] <= counts[0][name] for name in counts[1])
