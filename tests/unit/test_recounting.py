"""Why an image was in a recorded plan or not."""

from __future__ import annotations

from preheat.harbor.reference import parse_references
from preheat.plan import Decision, Reason, ReasonCode
from preheat.recounting import recount, words_of

INDEX, AMD, OTHER = (f"sha256:{mark * 64}" for mark in "abc")
TAKEN = Decision(
    *("harbor_default", "library/app", INDEX, ("1.0", "latest"), "linux/amd64", True),
    (Reason(ReasonCode.SELECTED, "number 1 of 1", "newest", 7),),
    image=AMD,
)
LEFT = Decision(
    *("harbor_default", "library/app", OTHER, ("0.9",), "", False),
    (
        Reason(ReasonCode.NOT_NEWEST, "number 2 of 2", "newest", 7),
        Reason(ReasonCode.TAG_DENIED, "the tag is denied", "stable", 9),
    ),
)
ELSEWHERE = Decision(
    *("harbor_default", "library/app2", INDEX, ("1.0",), "", False),
    (Reason(ReasonCode.REPO_NOT_INCLUDED, "no"),),
)
DECISIONS = (TAKEN, LEFT, ELSEWHERE)


def found(image: str) -> tuple[Decision, ...]:
    """Find what was decided of an image."""
    return recount(DECISIONS, parse_references(image)[0]).decisions


def test_an_image_is_found_by_tag_and_by_either_digest() -> None:
    """In its own repository; a digest wins over a tag."""
    for image in ("library/app:1.0", "library/app", f"library/app@{INDEX}", f"library/app@{AMD}"):
        assert found(image) == (TAKEN,), image
    assert found(f"library/app:0.9@{INDEX}") == (TAKEN,)
    assert found("library/app:0.9") == (LEFT,)
    assert found("library/app:2.0") == ()


def test_the_tags_that_were_looked_at_are_told() -> None:
    """Of that repository only."""
    wanted = parse_references("library/app:2.0")[0]
    assert recount(DECISIONS, wanted).tags == ("0.9", "1.0", "latest")


def test_a_sentence_names_rule_platform_and_reason() -> None:
    """Of each rule that does not take it, why."""
    assert words_of("library/app:1.0", "web", TAKEN) == (
        "library/app:1.0 is selected by web (rule newest) for linux/amd64: number 1 of 1."
    )
    assert words_of("library/app:0.9", "web", LEFT) == (
        "library/app:0.9 is not selected by web because no rule takes it "
        "(newest: number 2 of 2 / stable: the tag is denied)."
    )
