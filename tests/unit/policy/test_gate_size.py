"""The gate on size: what one node downloads, with as few manifests read as can be."""

from __future__ import annotations

from datetime import UTC, datetime
from textwrap import dedent

import pytest
from pydantic import ValidationError

from preheat.artifact import Artifact, Blob, Child, Image
from preheat.facts import Answer, Inquiry, Question
from preheat.policy.criteria import size
from preheat.policy.criteria.size import SizeGate, SizeSpec
from preheat.policy.part import At
from preheat.policy.yamltext import parse

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
GIB = 1024**3
AMD, ARM = Child("sha256:a", "linux/amd64"), Child("sha256:b", "linux/arm64/v8")
ATTESTATION = Child("sha256:c", "unknown/unknown")


def index(total: int, *children: Child) -> Artifact:
    """Make an index, or a single manifest, of a size that Harbor tells."""
    return Artifact("harbor_default", "ml", "train", "sha256:1", size=total, children=children)


def image(child: Child, total: int) -> tuple[Question, Image]:
    """Answer what a platform consists of."""
    blobs = (Blob("sha256:config", 1), Blob("sha256:layer", total - 1))
    question = Question.of_image(index(0), child)
    return question, Image(child.digest, child.platform, blobs)


def judge(
    artifact: Artifact, facts: dict[Question, Answer], *platforms: str
) -> tuple[str | None, set[str]]:
    """Give the detail, and of which digests the manifest is asked for."""
    inquiry = Inquiry(facts)
    reason = SizeGate(25 * GIB, 3).judge(artifact, inquiry, NOW, platforms)
    assert reason is None or (reason.code, reason.line) == ("TOO_BIG", 3)
    return (reason.detail if reason else None), {question.digest for question in inquiry.open}


def test_the_example_loads() -> None:
    """What the docstring shows makes this gate."""
    document = parse(dedent(str(size.__doc__).split("::\n\n")[1]), "example")
    assert isinstance(document.data, dict)
    spec = SizeSpec.model_validate(document.data["size"])
    assert spec.build(At(document, ("size",))) == SizeGate(25 * GIB, 1)


@pytest.mark.parametrize("value", ["25", "25 GiB", "0GiB", ""])
def test_a_size_has_a_unit(value: str) -> None:
    """A bare number could be bytes or GiB."""
    with pytest.raises(ValidationError):
        SizeSpec.model_validate({"maxPerImage": value})


def test_an_index_within_the_limit_needs_no_manifest() -> None:
    """Its size is the sum over its children (recorded: artifact-index-by-tag, 3338 bytes)."""
    assert judge(index(25 * GIB, AMD, ARM), {}) == (None, set())


def test_a_single_manifest_needs_none_either() -> None:
    """Harbor tells manifest, config and layers (recorded: v2-manifest-get-by-digest, 461+410+115).

    The listing says 986 for it (artifacts-frontend-default).
    """
    itself = Child("sha256:1", "linux/amd64")
    detail = "linux/amd64 is 30.0 GiB; maxPerImage is 25.0 GiB"
    assert judge(index(30 * GIB, itself), {}) == (detail, set())
    assert judge(index(30 * GIB), {}) == (detail.replace("linux/amd64", "the image"), set())
    assert judge(index(25 * GIB, itself), {}) == (None, set())


def test_a_byte_too_much_is_told_to_the_byte() -> None:
    """Nobody reads that 25.0 GiB is more than 25.0 GiB."""
    assert judge(index(25 * GIB + 1), {})[0] == (
        "the image is 26843545601 bytes; maxPerImage is 26843545600 bytes"
    )


def test_wanted_platforms_of_a_big_index_are_asked_for_at_once() -> None:
    """Not the others, and never attestations."""
    big = index(60 * GIB, AMD, ARM, ATTESTATION)
    assert judge(big, {}) == (None, {"sha256:a", "sha256:b"})
    assert judge(big, {}, "linux/arm64") == (None, {"sha256:b"})
    assert judge(big, {}, "linux/s390x") == (None, set())


def test_each_wanted_platform_must_be_within_the_limit() -> None:
    """One that is too big keeps the image out; one that nobody wants does not."""
    big = index(60 * GIB, AMD, ARM)
    fine, fat = dict([image(AMD, 25 * GIB)]), dict([image(ARM, 30 * GIB)])
    detail = "linux/arm64/v8 is 30.0 GiB; maxPerImage is 25.0 GiB"
    assert judge(big, fine | fat) == (detail, set())
    assert judge(big, fine | fat, "linux/amd64") == (None, set())
    assert judge(big, fine) == (None, {"sha256:b"})


def test_nothing_more_is_asked_once_one_is_too_big() -> None:
    """The other platforms change nothing."""
    assert judge(index(60 * GIB, AMD, ARM), dict([image(ARM, 30 * GIB)]))[1] == set()


def test_a_size_that_cannot_be_known_is_too_big() -> None:
    """A manifest that is gone or refused."""
    unknown = {Question.of_image(index(0), AMD): None}
    assert judge(index(60 * GIB, AMD), unknown) == (
        (
            "the manifest of linux/amd64 cannot be read, so its size is not known;"
            " maxPerImage is 25.0 GiB"
        ),
        set(),
    )


def test_where_harbor_tells_no_size_the_manifest_is_asked_for() -> None:
    """Zero bytes is no size."""
    assert judge(index(0), {}) == (None, {"sha256:1"})
    assert judge(index(0, AMD), {}) == (None, {"sha256:a"})
