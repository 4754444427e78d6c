"""What changed between two plans: by image, not by tag, in an order that stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from preheat.difference import Difference, ImageName, difference, selected

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.artifact import Artifact
    from preheat.plan import Plan

names = st.lists(
    st.builds(
        ImageName,
        st.sampled_from(["harbor_default", "harbor_2"]),
        st.sampled_from(["web/a", "web/b"]),
        st.sampled_from(["sha256:1", "sha256:2"]),
        st.sampled_from(["linux/amd64", ""]),
    ),
    max_size=8,
)


def image(repository: str, digest: str = "sha256:1", *tags: str) -> ImageName:
    """Name an image."""
    return ImageName("harbor_default", repository, digest, "linux/amd64", tags)


def test_what_came_and_went() -> None:
    """Each list in the order of the names, whatever order they came in."""
    before = [image("web/c"), image("web/a"), image("web/b")]
    after = [image("web/d"), image("web/b"), image("web/a", "sha256:2"), image("web/a")]
    found = difference(before, after)
    assert [(name.repository, name.digest) for name in found.added] == [
        ("web/a", "sha256:2"),
        ("web/d", "sha256:1"),
    ]
    assert [name.repository for name in found.removed] == ["web/c"]
    assert [name.repository for name in found.kept] == ["web/a", "web/b"]
    assert found


def test_a_moved_tag_is_another_image_and_a_new_tag_is_not() -> None:
    """``latest`` on a new digest is a change; one more tag on the same digest is none."""
    moved = difference(
        [image("web/a", "sha256:1", "latest")], [image("web/a", "sha256:2", "latest")]
    )
    assert (len(moved.added), len(moved.removed)) == (1, 1)
    retagged = difference([image("web/a", "sha256:1", "1")], [image("web/a", "sha256:1", "1", "2")])
    assert not retagged
    assert retagged.kept[0].tags == ("1", "2")


def test_nothing_before_and_nothing_after() -> None:
    """A first plan adds all, an empty one removes all."""
    assert difference([], [image("web/a")]) == Difference(added=(image("web/a"),))
    assert difference([image("web/a")], []) == Difference(removed=(image("web/a"),))
    assert not difference([], [])


@given(names, names)
@settings(max_examples=80, deadline=None)
def test_every_image_is_in_one_part(before: list[ImageName], after: list[ImageName]) -> None:
    """Added and kept are what is there now, removed and kept what was; turned round it mirrors."""
    found = difference(before, after)
    assert {*found.added, *found.kept} == set(after)
    assert {*found.removed, *found.kept} == set(before)
    assert len({*found.added, *found.removed, *found.kept}) == len(
        found.added + found.removed + found.kept
    )
    back = difference(after, before)
    assert (back.added, back.removed, back.kept) == (found.removed, found.added, found.kept)


def test_only_what_a_plan_selects_is_named(
    art: Callable[..., Artifact], plan: Callable[..., Plan]
) -> None:
    """One name a platform; what is out of the plan has none."""
    artifacts = [
        art("library/b", 1, tags="1.0", platforms=["linux/amd64", "linux/arm64", "linux/s390x"]),
        art("library/a", 2, tags="2.0"),
        art("library/a", 3, tags=""),
    ]
    made = plan(artifacts, "platforms: {include: [linux/amd64, linux/arm64]}")
    assert [(name.repository, name.platform, name.tags) for name in selected(made.decisions)] == [
        ("library/a", "linux/amd64", ("2.0",)),
        ("library/b", "linux/amd64", ("1.0",)),
        ("library/b", "linux/arm64", ("1.0",)),
    ]
