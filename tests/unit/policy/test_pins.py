"""Pins are a person's word: in whatever rules and gates say, until a day, and last to go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from preheat.artifact import Child, Tag
from preheat.errors import ProblemsError
from preheat.plan import Disposition, ReasonCode
from preheat.policy.engine import evaluate
from preheat.policy.pins import split_image

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.artifact import Artifact
    from preheat.plan import Plan
    from preheat.policy.model import Clusters, Policy

DAY = timedelta(days=1)
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
NONE = "rules: [{name: none, tags: {allow: [{exact: nothing}]}}]"
GATE = "gates: {vulnerabilities: {rejectSeverity: low}}"
DIGEST = f"sha256:{7:064d}"


def pin(image: str = "library/base:lts", until: str = "2027-06-30", **more: str) -> str:
    """Write one pin."""
    extra = "".join(f", {key}: {value}" for key, value in more.items())
    return f"pins: [{{image: '{image}', until: {until}, reason: base of everything{extra}}}]"


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        ("ml/train/base:lts", ("ml", "train/base", "lts")),
        ("a.b-c/d__e:V1_x.y-z", ("a.b-c", "d__e", "V1_x.y-z")),
        (f"library/base@{DIGEST}", ("library", "base", DIGEST)),
    ],
)
def test_images_are_named_by_tag_or_digest(image: str, parts: tuple[str, str, str]) -> None:
    """A repository may hold slashes; the project is what comes first."""
    assert split_image(image) == parts


@pytest.mark.parametrize(
    "image",
    [
        *("base:lts", "library/base", "library/base:", "harbor.example.com:443/library/base:1"),
        *("https://harbor/library/base:1", "Library/base:1", "library/base@sha256:12", " a/b:1"),
        *(f"library/base:1@{DIGEST}", "library//base:1", "library/base:-1", "library/base:1\n"),
    ],
)
def test_other_names_are_refused(image: str) -> None:
    """No host, no missing part, no tag and digest together: the message shows how."""
    with pytest.raises(ValueError, match="write project/repository:tag or"):
        split_image(image)


def test_a_pin_overrules_rules_and_gates(
    art: Callable[..., Artifact], plan: Callable[..., Plan]
) -> None:
    """In by no rule and never scanned: the decision tells the pin, its reason and its line."""
    image = art("library/base", 1, tags="old lts", age=500 * DAY)
    made = plan([image, art("library/base", 2, tags="new")], NONE, GATE, pin())
    (placement,) = made.placements
    assert (placement.key.digest, placement.tags) == (image.digest, ("lts",))
    (decision,) = [d for d in made.decisions if d.selected]
    assert decision.tags == ("lts", "old")
    (reason,) = decision.reasons
    assert (reason.code, reason.rule) == (ReasonCode.PINNED, "")
    assert reason.detail == "pinned until 2027-06-30: base of everything"
    assert reason.line is not None
    assert made.policy_text.splitlines()[reason.line - 1].strip().startswith("pins:")
    assert made.questions == ()


def test_a_digest_can_be_pinned(art: Callable[..., Artifact], plan: Callable[..., Plan]) -> None:
    """Whatever tags it carries, and also with none."""
    untagged = art("library/base", 7, tags="")
    made = plan([untagged], NONE, pin(f"library/base@{DIGEST}"))
    (placement,) = made.placements
    assert placement.label == "library/base@sha256:000000000000 linux/amd64"


def test_the_digest_of_a_platform_means_the_images_that_hold_it(
    art: Callable[..., Artifact], plan: Callable[..., Plan]
) -> None:
    """What a node says of a running image is such a digest; all wanted platforms are warmed."""
    index = art("library/base", 1, tags="lts", platforms=["linux/amd64", "linux/arm64"])
    child = index.children[1].digest
    made = plan([index, art("library/base", 2, tags="other")], NONE, pin(f"library/base@{child}"))
    assert [p.key.digest for p in made.placements] == [each.digest for each in index.children]
    assert made.warnings == ("The rule 'none' selected nothing.",)


@pytest.mark.parametrize("names", ["a b c", "c b a", "b c a"])
def test_the_tag_that_speaks_for_a_digest_follows_from_the_image(
    names: str, art: Callable[..., Artifact], plan: Callable[..., Plan]
) -> None:
    """The newest, of equals the first by name, in whatever order Harbor lists them."""
    ages = {"a": 3 * DAY, "b": DAY, "c": DAY}
    tags = [Tag(name, NOW - ages[name]) for name in names.split()]
    made = plan([art("library/base", 7, tags=tags)], NONE, pin(f"library/base@{DIGEST}"))
    assert made.placements[0].label == "library/base:b linux/amd64"


def test_a_pinned_tag_that_a_rule_takes_too(
    art: Callable[..., Artifact], plan: Callable[..., Plan]
) -> None:
    """Both reasons are told, the pin's first; one placement."""
    made = plan([art("library/base", 1, tags="lts")], "rules: [{name: all}]", pin())
    assert len(made.placements) == 1
    codes = [reason.code for reason in made.decisions[0].reasons]
    assert codes == [ReasonCode.PINNED, ReasonCode.SELECTED]


@pytest.mark.parametrize(
    ("until", "counts"), [("2026-11-24", True), ("2026-11-23", False), ("2026-11-25", True)]
)
def test_the_last_day_counts(
    until: str, counts: bool, art: Callable[..., Artifact], plan: Callable[..., Plan]
) -> None:
    """From the day after, the pin does nothing and every plan says so."""
    made = plan([art("library/base", 1, tags="lts")], NONE, pin(until=until))
    assert bool(made.placements) is counts
    warnings = [warning for warning in made.warnings if "pin" in warning]
    if counts:
        assert warnings == []
    else:
        (warning,) = warnings
        assert warning.startswith("The pin of library/base:lts (line ")
        assert warning.endswith(
            f"ended on {until}: it counts for nothing; prolong it or take it out."
        )


def test_days_are_utc(
    art: Callable[..., Artifact], policy: Callable[..., Policy], clusters: Clusters
) -> None:
    """The same moment gives the same plan, however its time zone is written."""
    moment = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)
    made = policy(NONE, pin(until="2026-11-24"))
    for zone in (UTC, timezone(timedelta(hours=9)), timezone(timedelta(hours=-9))):
        artifacts = [art("library/base", 1, tags="lts")]
        found = evaluate(made, artifacts, clusters, moment.astimezone(zone))
        assert len(found.placements) == 1, zone


def test_a_pin_that_means_nothing_is_told(
    art: Callable[..., Artifact], plan: Callable[..., Plan]
) -> None:
    """A tag that is gone, or a repository: the image would silently be cold."""
    for image in ("library/base:gone", "library/gone:lts"):
        made = plan([art("library/base", 1, tags="lts")], NONE, pin(image))
        assert any(
            warning.startswith(f"The pin of {image} (line ")
            and "means no artifact of harbor_default" in warning
            for warning in made.warnings
        )


def test_platforms_hold_for_pins(art: Callable[..., Artifact], plan: Callable[..., Plan]) -> None:
    """A pin asks for the platforms that the policy wants, and a missing one counts."""
    image = art("library/base", 1, tags="lts", platforms=["linux/amd64", "linux/s390x"])
    made = plan(
        [image], NONE, pin(), "platforms: {include: [linux/amd64, linux/arm64], onMissing: fail}"
    )
    assert [p.key.platform for p in made.placements] == ["linux/amd64"]
    assert len(made.failures) == 1


def test_windows_hold_for_pins(art: Callable[..., Artifact], plan: Callable[..., Plan]) -> None:
    """A person's word is no reason to fill the line at noon."""
    windows = "windows: {allow: [{days: [all], from: '20:00', to: '06:00', timezone: UTC}]}"
    made = plan([art("library/base", 1, tags="lts")], NONE, pin(), windows)
    assert [p.disposition for p in made.placements] == [Disposition.WINDOW_CLOSED]


def test_pins_fall_out_of_a_budget_last(
    art: Callable[..., Artifact], plan: Callable[..., Plan]
) -> None:
    """An old pinned image stays, the newest of the rules goes."""
    images = [art("library/base", 1, tags="lts", age=900 * DAY), art(number=2, age=DAY)]
    made = plan(images, "rules: [{name: all}]", pin(), "budget: {maxImages: 1}")
    assert [p.tags[0] for p in made.placements if p.disposition is Disposition.ASK] == ["lts"]


def test_a_pin_keeps_its_rank_where_another_artifact_brings_the_image(
    art: Callable[..., Artifact], plan: Callable[..., Plan]
) -> None:
    """The pinned manifest is a child of a newer index too: it is warmed once, and as pinned.

    The index is one image with both its platforms, so that the other one comes with it.
    """
    index = art("library/base", 1, tags="index", age=DAY, platforms=["linux/amd64", "linux/arm64"])
    child = index.children[0]
    single = art(
        "library/base",
        tags=[Tag("lts")],
        age=9 * DAY,
        digest=child.digest,
        children=(Child(child.digest, "linux/amd64"),),
    )
    others = [art(number=5, tags="other")]
    budget = "budget: {maxImages: 1}"
    made = plan([index, single, *others], "rules: [{name: all}]", pin(), budget)
    asked = [p for p in made.placements if p.disposition is Disposition.ASK]
    assert [p.key.digest for p in asked] == [each.digest for each in index.children]


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (pin("base:lts"), "pins[0].image 'base:lts' is not an image"),
        (pin(until="2027-02-30"), "pins[0].until '2027-02-30'"),
        (pin(until="soon"), "pins[0].until 'soon'"),
        ("pins: [{image: 'library/a:1', until: 2027-01-01}]", "'reason'"),
        ("pins: [{image: 'library/a:1', reason: x}]", "'until'"),
        (pin(untill="2027-01-01"), "The key 'untill' is unknown; did you mean 'until'?"),
        (
            f"{pin()[:-1]}, {pin(registry='harbor_default').removeprefix('pins: [')}",
            "pins[1].image 'library/base:lts' is pinned in line ",
        ),
        (pin("web/app:1"), "pins[0].image No source covers the project of 'web/app:1'"),
        (
            pin(registry="harbor_defalt"),
            "pins[0].registry No source reads the registry 'harbor_defalt'; did you mean",
        ),
    ],
)
def test_bad_pins_are_told(part: str, words: str, policy: Callable[..., Policy]) -> None:
    """Each with the key that is wrong, and the line."""
    with pytest.raises(ProblemsError) as caught:
        policy(part)
    (problem,) = caught.value.problems
    assert words in str(problem)
    assert problem.line is not None


def test_with_two_harbors_a_pin_says_which(
    art: Callable[..., Artifact], policy: Callable[..., Policy], plan: Callable[..., Plan]
) -> None:
    """The same name may be on both; only the named Harbor's is pinned."""
    sources = (
        "sources: [{registry: harbor_default, projects: [library]},"
        " {registry: harbor_2, projects: [library, web]}]"
    )
    with pytest.raises(ProblemsError, match="add registry, one of harbor_default, harbor_2"):
        policy(sources, NONE, pin())
    with pytest.raises(ProblemsError, match="No source covers the project of 'web/app:1'"):
        policy(sources, NONE, pin("web/app:1", registry="harbor_default"))
    images = [
        art("library/base", n, tags="lts", registry=registry)
        for n, registry in enumerate(["harbor_default", "harbor_2"], start=1)
    ]
    made = plan(images, sources, NONE, pin(registry="harbor_2"))
    assert [p.settings.registry for p in made.placements] == ["harbor_2"]
