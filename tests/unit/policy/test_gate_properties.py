"""What holds for every catalogue where a plan must ask: gates, pins, budget."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from preheat.artifact import Artifact, Blob, Child, Image, ScanSummary, Tag
from preheat.catalogue import Catalogue
from preheat.facts import Allowlist, Kind, Question, Report, Vulnerability
from preheat.plan import Disposition, ReasonCode
from preheat.planning import complete
from preheat.policy.engine import Evaluation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from preheat.facts import Answer, Facts
    from preheat.plan import Plan
    from preheat.policy.model import Clusters, Policy

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
some = settings(max_examples=100, deadline=None)

SOURCES = "sources: [{registry: harbor_default, projects: [library, web]}]"
BOTH = "targets: [{clusterSelector: {env: prod}, scope: all_seed_peers}]"
SEVERITIES = ["None", "Low", "High", "Critical"]


def digest(number: int, part: int) -> str:
    """Give the digest of an artifact or of one of its platforms."""
    return f"sha256:{number * 10 + part:064x}"


@st.composite
def catalogues(draw: st.DrawFn) -> list[Artifact]:
    """Draw artifacts of few repositories; the digest decides what is found out about each.

    An index may hold an image that another index holds too, or that is listed by itself.
    """
    numbers = draw(st.lists(st.integers(0, 400), max_size=14, unique=True))
    made: list[Artifact] = []
    for number in numbers:
        pushed = NOW - timedelta(hours=draw(st.integers(0, 48)))
        platforms = draw(st.sampled_from([["linux/amd64"], ["linux/amd64", "linux/arm64"], []]))
        brought = st.sampled_from(numbers) if len(platforms) > 1 else st.just(number)
        children = [Child(digest(draw(brought), n), p) for n, p in enumerate(platforms)]
        made.append(
            Artifact(
                "harbor_default",
                draw(st.sampled_from(["library", "web"])),
                draw(st.sampled_from(["app", "db"])),
                children[0].digest if len(children) == 1 else digest(number, 9),
                size=number * 10,
                push_time=pushed,
                tags=(Tag(f"1.{number}.0", pushed),),
                children=tuple(children),
            )
        )
    return made


takes = st.builds(
    "take: {{newest: {}, plusPrevious: {}, from: {}}}".format,
    st.integers(1, 3),
    st.integers(0, 1),
    st.sampled_from(["eligible", "matched"]),
)
gates = st.sampled_from([
    "vulnerabilities: {rejectSeverity: high, onMissing: allow}",
    "vulnerabilities: {rejectSeverity: low, onMissing: reject, maxReportAge: 1d}",
    "vulnerabilities: {rejectSeverity: high, onMissing: waitForScan, useProjectAllowlist: true}",
    "signature: {verifier: cosign}",
    "size: {maxPerImage: 2KB}",
])


def answer_of(question: Question) -> Answer:
    """Find out: the same each time, and nothing about some."""
    number = int(question.digest.removeprefix("sha256:") or "0", 16) // 10
    match question.kind:
        case Kind.REPORT:
            scan = ScanSummary(
                "Success", SEVERITIES[number % 4], NOW - timedelta(hours=number % 40)
            )
            signed = ("signature.cosign",) if number % 3 else ()
            return None if number % 11 == 10 else Report(scan if number % 5 else None, signed)
        case Kind.VULNERABILITIES:
            return (Vulnerability(f"CVE-{number % 2}", SEVERITIES[number % 4]),)
        case Kind.ALLOWLIST:
            return Allowlist(frozenset({"CVE-1"}))
        case Kind.IMAGE:
            layers = (Blob("sha256:base", 500), Blob(f"sha256:layer{number}", number * 7))
            return None if number % 13 == 12 else Image(question.digest, question.platform, layers)


def answer(questions: Sequence[Question]) -> Facts:
    """Answer all that is asked."""
    return {question: answer_of(question) for question in questions}


class Planning:
    """Plans policies to the end."""

    def __init__(self, clusters: Clusters, policy: Callable[..., Policy]) -> None:
        self.clusters = clusters
        self.policy = policy

    def plan(self, catalogue: Sequence[Artifact], *parts: str, **options: Any) -> Plan:
        """Plan, asking as often as it takes."""
        return complete(self.evaluation(catalogue, *parts, **options), answer)

    def evaluation(self, catalogue: Sequence[Artifact], *parts: str, **options: Any) -> Evaluation:
        """Set an evaluation up."""
        policy = self.policy(SOURCES, *parts)
        return Evaluation(policy, Catalogue.of(catalogue), self.clusters, NOW, **options)


def rule(*parts: str) -> str:
    """Write a policy's rules with one rule."""
    return f"rules: [{{{', '.join(['name: r', *filter(None, parts)])}}}]"


def taken(plan: Plan) -> set[tuple[str, str]]:
    """Give the artifacts that a rule took, whether or not another one brought the image too."""
    return {
        (d.repository, d.digest)
        for d in plan.decisions
        if any(reason.code is ReasonCode.SELECTED for reason in d.reasons)
    }


def owners(plan: Plan, catalogue: Sequence[Artifact]) -> dict[tuple[str, str, str], object]:
    """Give the artifact that brought each image, by repository, digest and platform."""
    listed = {(artifact.full_name, artifact.digest): artifact for artifact in catalogue}
    return {
        (d.repository, child.digest, child.platform): (d.repository, d.digest)
        for d in plan.decisions
        if d.selected
        for artifact in (listed[d.repository, d.digest],)
        for child in artifact.children or (Child(artifact.digest, ""),)
        if child.platform == d.platform
    }


@some
@given(catalogues(), gates, takes, st.randoms(use_true_random=False))
def test_neither_order_nor_rounds_matter(
    clusters: Clusters,
    policy: Callable[..., Policy],
    catalogue: list[Artifact],
    gate: str,
    take: str,
    random: Any,
) -> None:
    """All answers known beforehand give the plan that asking round by round gives."""
    planning = Planning(clusters, policy)
    parts = (BOTH, rule(take), f"gates: {{{gate}}}", "budget: {perRun: 9KB}")
    facts: Facts = {}
    first = complete(planning.evaluation(catalogue, *parts), answer, facts)
    shuffled = random.sample(catalogue, len(catalogue))
    assert planning.plan(shuffled, *parts) == first
    assert planning.evaluation(catalogue, *parts).plan(dict(facts)) == first


@some
@given(catalogues(), gates, takes)
def test_every_candidate_has_one_decision(
    clusters: Clusters,
    policy: Callable[..., Policy],
    catalogue: list[Artifact],
    gate: str,
    take: str,
) -> None:
    """Gates, pins and budgets included, and before the answers are known as well as after."""
    parts = [rule(take), f"gates: {{{gate}}}"]
    if catalogue:
        pinned = f"{catalogue[0].full_name}:{catalogue[0].tags[0].name}"
        parts.append(f"pins: [{{image: '{pinned}', until: 2026-12-31, reason: test}}]")
    planning = Planning(clusters, policy)
    for made in (planning.plan(catalogue, *parts), planning.evaluation(catalogue, *parts).plan()):
        keys = [(d.registry, d.repository, d.digest, d.platform) for d in made.decisions]
        assert len(keys) == len(set(keys))
        assert {key[:3] for key in keys} == {(a.registry, a.full_name, a.digest) for a in catalogue}
        assert all(
            d.selected == (d.reasons[0].code in {"SELECTED", "PINNED"}) for d in made.decisions
        )


@some
@given(catalogues(), gates, gates, takes)
def test_a_gate_more_adds_only_what_fell_short(
    clusters: Clusters,
    policy: Callable[..., Policy],
    catalogue: list[Artifact],
    gate: str,
    other: str,
    take: str,
) -> None:
    """``from: matched`` never adds; ``eligible`` only what was not among the newest before."""
    planning = Planning(clusters, policy)
    both = {each.partition(":")[0]: each for each in (other, gate)}
    loose = planning.plan(catalogue, rule(take), f"gates: {{{both[gate.partition(':')[0]]}}}")
    tight = planning.plan(catalogue, rule(take), f"gates: {{{', '.join(both.values())}}}")
    added = taken(tight) - taken(loose)
    fell_short = {
        (d.repository, d.digest) for d in loose.decisions if d.reasons[0].code == "NOT_NEWEST"
    }
    assert added <= (set() if "matched" in take else fell_short)
    counts = [sum(1 for name, _ in taken(made) if name == "web/app") for made in (loose, tight)]
    assert counts[1] <= counts[0]


@some
@given(catalogues(), gates)
def test_a_gate_without_take_never_adds(
    clusters: Clusters, policy: Callable[..., Policy], catalogue: list[Artifact], gate: str
) -> None:
    """Nothing moves up where nothing is counted."""
    planning = Planning(clusters, policy)
    free = planning.plan(catalogue, rule())
    gated = planning.plan(catalogue, rule(), f"gates: {{{gate}}}")
    assert {p.key for p in gated.placements} <= {p.key for p in free.placements}


@some
@given(
    catalogues(),
    st.integers(1, 5),
    st.integers(500, 9000),
    st.integers(500, 9000),
    st.dictionaries(st.sampled_from(["eu-1", "us-1"]), st.integers(0, 9000)),
)
def test_a_budget_is_never_exceeded(
    clusters: Clusters,
    policy: Callable[..., Policy],
    catalogue: list[Artifact],
    images: int,
    run: int,
    day: int,
    spent: dict[str, int],
) -> None:
    """Counted anew here: an artifact once, each blob once a cluster, endpoint and repository."""
    limits = f"maxImages: {images}, perRun: {run / 1000}KB, perClusterPerDay: {day / 1000}KB"
    made = Planning(clusters, policy).plan(
        catalogue, BOTH, rule(), f"budget: {{{limits}}}", spent=spent
    )
    asked = [p.key for p in made.placements if p.disposition is Disposition.ASK]
    brought = owners(made, catalogue)
    assert len({brought[key.repository, key.digest, key.platform] for key in asked}) <= images
    blobs: dict[str, dict[tuple[str, str, str], int]] = defaultdict(dict)
    listed = {a.digest: (Blob("all of it", a.size),) for a in catalogue if a.size}
    for key in asked:
        image = answer_of(Question(Kind.IMAGE, "", "", "", key.digest, key.platform))
        # What nobody can read has the size that the listing tells of a single image, or none: then
        # it fits no byte budget.
        for blob in image.blobs if isinstance(image, Image) else listed[key.digest]:
            place = (key.pull_endpoint, key.repository, blob.digest.replace("all", key.digest))
            blobs[key.cluster][place] = blob.size
    totals = {cluster: sum(found.values()) for cluster, found in blobs.items()}
    assert sum(totals.values()) <= run
    assert all(total + spent.get(cluster, 0) <= day for cluster, total in totals.items())
    assert totals == {name: b.bytes for name, b in made.bytes.items() if b.bytes}
