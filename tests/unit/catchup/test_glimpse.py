"""What happened between two looks at one repository."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from preheat.artifact import Artifact, Tag
from preheat.catchup.glimpse import Remembered, as_before, events_between, fingerprint_of, look_of
from preheat.event import EventKind, EventSource

if TYPE_CHECKING:
    from collections.abc import Iterable

    from preheat.catchup.glimpse import Seen
    from preheat.event import HarborEvent

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def artifact(
    name: str,
    *tags: str,
    labels: tuple[str, ...] = (),
    accessories: tuple[str, ...] | None = None,
    at: datetime = NOON,
    number: int = 0,
) -> Artifact:
    """Make an artifact with the digest of its name, tagged when it was pushed."""
    return Artifact(
        "h",
        "web",
        "app",
        f"sha256:{name}",
        id=number or ord(name),
        push_time=at,
        tags=tuple(Tag(tag, at) for tag in tags),
        labels=labels,
        accessories=accessories,
    )


def seen(*artifacts: Artifact) -> dict[str, Seen]:
    """Look at these."""
    return {one.digest: look_of(one) for one in artifacts}


def remembered(*artifacts: Artifact, revision: int = 1) -> Remembered:
    """Remember these."""
    return Remembered({one.digest: look_of(one).look for one in artifacts}, revision)


def between(
    before: Remembered, now: dict[str, Seen], gone: Iterable[str] = ()
) -> list[HarborEvent]:
    """Tell what happened in web/app."""
    return list(events_between("h", "web/app", before, now, {f"sha256:{name}" for name in gone}))


def short(events: list[HarborEvent]) -> list[tuple[str, str, str]]:
    """Show what counts."""
    return [(event.kind.value, event.digest[7:], event.tag) for event in events]


def test_a_new_artifact_is_pushed_once_for_each_tag() -> None:
    """With the tag's own time; labels that came along are told too, for who waits for those."""
    found = between(remembered(), seen(artifact("a", "1", "latest", labels=("gold",))))
    assert short(found) == [
        ("pushed", "a", "1"),
        ("pushed", "a", "latest"),
        ("labelAdded", "a", ""),
    ]
    assert {(event.source, event.repository) for event in found} == {(EventSource.SWEEP, "web/app")}
    assert found[0].occurred_at == NOON


def test_what_has_no_tag_is_no_push() -> None:
    """Children of indexes and leftovers start nothing."""
    assert between(remembered(), seen(artifact("a"))) == []


def test_a_tag_that_moves_is_added_where_it_arrives() -> None:
    """And the one that lost it says nothing."""
    before = remembered(artifact("a", "1", "latest"), artifact("b", "2"))
    now = seen(artifact("a", "1"), artifact("b", "2", "latest", at=NOON + HOUR))
    assert short(between(before, now)) == [("tagAdded", "b", "latest")]


def test_a_label_that_goes_says_nothing() -> None:
    """Only what is added can make a policy want an image."""
    before = remembered(artifact("a", "1", labels=("gold", "old")))
    assert short(between(before, seen(artifact("a", "1", labels=("gold", "new"))))) == [
        ("labelAdded", "a", "")
    ]


def test_deletions_are_told_of_what_is_gone() -> None:
    """And only of that: whoever is hidden behind an index is not."""
    before = remembered(artifact("a", "1"), artifact("b", "2"), artifact("c"))
    assert short(between(before, seen(artifact("b", "2")), gone="a")) == [("deleted", "a", "")]


def test_signatures_count_only_where_somebody_looked_before() -> None:
    """The first look for signatures would tell all that ever were."""
    signed = ("signature.cosign", "sbom.harbor")
    unlooked, unsigned = artifact("a", "1"), artifact("a", "1", accessories=())
    now = seen(artifact("a", "1", accessories=signed))
    assert between(remembered(unlooked), now) == []
    assert short(between(remembered(unsigned), now)) == [("signed", "a", "")]
    assert short(between(remembered(), now))[1:] == [("signed", "a", "")]
    assert between(remembered(artifact("a", "1", accessories=signed)), seen(unlooked)) == []


def test_two_who_see_the_same_tell_it_alike_and_later_likes_differ() -> None:
    """A tag that moved to and fro has a time; a label has none, but the glimpse was renewed."""
    before, now = remembered(artifact("a")), seen(artifact("a", "1", labels=("gold",)))
    first = between(before, now)
    assert between(before, now) == first
    again = seen(artifact("a", "1", labels=("gold",), at=NOON + HOUR))
    second = between(remembered(artifact("a"), revision=2), again)
    assert short(first) == short(second)
    assert not {event.delivery for event in first} & {event.delivery for event in second}


def test_a_push_is_named_alike_whatever_was_remembered_before() -> None:
    """A late sweeper that puts an older glimpse back makes no second event of a push."""
    now = seen(artifact("a", "1"))
    assert between(remembered(), now) == between(remembered(revision=7), now)


def test_the_same_digest_pushed_anew_is_another_push() -> None:
    """It was deleted in between: Harbor gives it another id."""
    first = between(remembered(), seen(artifact("a", "1")))
    second = between(remembered(), seen(artifact("a", "1", number=900)))
    assert first[0].delivery != second[0].delivery
    assert len(first[0].delivery) < 100


def test_a_late_first_look_tells_what_came_since() -> None:
    """By the times of artifacts and tags; labels have none and are taken for old."""
    now = seen(
        artifact("a", "1", labels=("gold",)),
        artifact("b", "2", labels=("gold",), at=NOON + 2 * HOUR),
    )
    moved = Artifact(
        "h",
        "web",
        "app",
        "sha256:c",
        push_time=NOON,
        tags=(Tag("old", NOON), Tag("new", NOON + 2 * HOUR)),
    )
    now |= seen(moved)
    found = between(Remembered(as_before(now, NOON + HOUR)), now)
    assert short(found) == [
        ("pushed", "b", "2"),
        ("labelAdded", "b", ""),
        ("tagAdded", "c", "new"),
    ]
    assert between(Remembered(as_before(now, None)), now) == []


def test_what_is_remembered_reads_back_the_same() -> None:
    """As plain values, and with the same fingerprint in whatever order it was listed."""
    one = remembered(
        artifact("a", "2", "1", labels=("x",)), artifact("b", accessories=("signature.cosign",))
    )
    assert Remembered.from_data(one.as_data()) == one
    looks = dict(reversed(one.looks.items()))
    assert fingerprint_of(looks) == fingerprint_of(one.looks)
    assert fingerprint_of(looks) != fingerprint_of(remembered(artifact("a", "1")).looks)
    assert {kind.value for kind in EventKind} >= {"pushed", "tagAdded"}
