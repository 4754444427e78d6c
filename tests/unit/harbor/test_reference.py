"""Images as people type and paste them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preheat.errors import ProblemsError
from preheat.harbor.reference import ImageReference, parse_references

DIGEST = f"sha256:{'0123456789abcdef' * 4}"
APP = ImageReference("library", "app", "1.2")


@pytest.mark.parametrize(
    "typed",
    [
        "library/app:1.2",
        "  library/app:1.2  ",
        "'library/app:1.2',",
        '"library/app:1.2"',
        "`library/app:1.2`",
        "- library/app:1.2",
        "- image: library/app:1.2",
        "image: 'library/app:1.2'",
        '"image": "library/app:1.2",',
        '["library/app:1.2"]',
        "docker pull library/app:1.2",
        "$ sudo docker image pull library/app:1.2",
        "podman pull library/app:1.2",
        "crictl pull library/app:1.2",
        "library/app:1.2 # the new one",
        "# a comment\nlibrary/app:1.2\n\n",
        "library/app:1.2\r\nlibrary/app:1.2",
        "library/app:1.2, library/app:1.2; library/app:1.2",
        "harbor.example.com/library/app:1.2",
        "Harbor.Example.com:443/library/app:1.2",
        "https://harbor.example.com/library/app:1.2",
        "docker://harbor.example.com/library/app:1.2",
    ],
)
@pytest.mark.parametrize("host", ["harbor.example.com", "https://harbor.example.com/", ""])
def test_what_people_type_is_understood(typed: str, host: str) -> None:
    """All these mean one and the same image, once."""
    assert parse_references(typed, host) == [APP]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("library/app", ImageReference("library", "app", "latest")),
        (f"library/app@{DIGEST}", ImageReference("library", "app", "", DIGEST)),
        (f"library/app:1@{DIGEST}", ImageReference("library", "app", "1", DIGEST)),
        ("a/b/c/d__e:V1.0-rc_1", ImageReference("a", "b/c/d__e", "V1.0-rc_1")),
        ("127.0.0.1:8085/library/app:1", ImageReference("library", "app", "1")),
        ("localhost/library/app", ImageReference("library", "app", "latest")),
    ],
)
def test_parts_are_told_apart(typed: str, expected: ImageReference) -> None:
    """A port is no tag, a digest wins over the tag, and neither means latest."""
    assert parse_references(typed) == [expected]


@pytest.mark.parametrize(
    ("reference", "asked"),
    [
        (ImageReference("library", "app", "1", DIGEST), DIGEST),
        (ImageReference("library", "app", "1"), "1"),
    ],
)
def test_digest_is_asked_for_first(reference: ImageReference, asked: str) -> None:
    """Harbor is asked for the digest where one was typed."""
    assert (reference.reference, reference.full_name) == (asked, "library/app")


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("nginx", "Harbor needs the project too: <project>/<repository>"),
        ("nginx:1.25", "Harbor needs the project too"),
        ("harbor.example.com/nginx", "Harbor needs the project too"),
        ("harbor.example.com/", "Harbor needs the project too"),
        ("docker.io/library/nginx", "on another host, but the chosen Harbor is harbor.example.com"),
        ("harbor.example.com:8443/library/app", "the chosen Harbor is harbor.example.com"),
        ("library/App:1", "small letters only"),
        ("library/app:", "a tag has up to 128"),
        ("library/app:-x", "a tag has up to 128"),
        ("library/app:a$b", "a tag has up to 128"),
        (f"library/app:{'x' * 129}", "a tag has up to 128"),
        ("library/app@sha256:abc", "64 hex digits"),
        (f"library/app@{DIGEST.upper()}", "64 hex digits"),
        ("library/app@", "64 hex digits"),
        ("library//app", "two slashes with nothing between"),
        ("library/app:1.0:2", "more than one colon"),
        ("foo bar", "one image a line"),
        ("library/app:1 nginx", "one image a line"),
        ("docker run --rm library/app", "options are not understood"),
        ("library/-app", "not a repository"),
        ("library/a_-b", "not a repository"),
        (f"library/{'a' * 250}", "not a repository"),
        ("docker pull --platform=linux/amd64 library/app", "options are not understood"),
    ],
)
def test_what_cannot_be_an_image_is_told(typed: str, words: str) -> None:
    """Each mistake has one clear message with its line and the text."""
    with pytest.raises(ProblemsError) as caught:
        parse_references(f"library/app\n{typed}", "harbor.example.com")
    (problem,) = caught.value.problems
    assert words in problem.message
    assert (problem.line, problem.source) == (2, "images")


def test_all_problems_come_together() -> None:
    """Nobody corrects a list line by line."""
    with pytest.raises(ProblemsError) as caught:
        parse_references("nginx\nlibrary/app:1\nlibrary/App\nother/x:$", "")
    assert [problem.line for problem in caught.value.problems] == [1, 3, 4]


def test_everything_wrong_with_one_image_comes_together() -> None:
    """Nobody corrects a name letter by letter."""
    with pytest.raises(ProblemsError) as caught:
        parse_references("docker.io/Library//Hello:::1@sha256:1", "harbor.example.com")
    (problem,) = caught.value.problems
    assert problem.message == (
        "'docker.io/Library//Hello:::1@sha256:1': this is on another host, but the chosen Harbor "
        "is harbor.example.com; a repository's name has small letters only; there is more "
        "than one colon: one stands between name and tag; there are two slashes with nothing "
        "between; a digest is sha256: and 64 hex digits, small letters"
    )


def test_an_image_knows_the_line_where_it_was_typed_first() -> None:
    """What Harbor says of it later can be told with its line."""
    found = parse_references("\nlibrary/a library/b:1\nlibrary/b:1,library/c")
    assert [(str(image), image.line) for image in found] == [
        ("library/a:latest", 2),
        ("library/b:1", 2),
        ("library/c:latest", 3),
    ]


@pytest.mark.parametrize("text", ["", "  \n", "# only a comment", ", ;"])
def test_nothing_typed_is_a_problem(text: str) -> None:
    """A run for no image would be green and mean nothing."""
    with pytest.raises(ProblemsError, match="name at least one image"):
        parse_references(text)


def test_long_text_is_shown_cut() -> None:
    """A pasted blob does not fill the log."""
    with pytest.raises(ProblemsError) as caught:
        parse_references("x" * 10_000)
    assert len(str(caught.value)) < 400


NAMES = st.from_regex(r"[a-z0-9]{1,9}([._-][a-z0-9]{1,9}){0,2}", fullmatch=True)


@given(
    project=NAMES,
    parts=st.lists(NAMES, min_size=1, max_size=3),
    tag=st.from_regex(r"\A[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}\Z"),
    digest=st.sampled_from(["", DIGEST]),
)
def test_text_of_a_reference_reads_back(
    project: str, parts: list[str], tag: str, digest: str
) -> None:
    """What we print can be typed in again, with the host in front."""
    reference = ImageReference(project, "/".join(parts), tag, digest)
    assert parse_references(f"h.example.com/{reference}", "h.example.com") == [reference]


@given(st.text(max_size=200))
def test_any_text_gives_images_or_problems(text: str) -> None:
    """Nothing that is typed makes it fall over, and what it accepts is well formed."""
    try:
        found = parse_references(text)
    except ProblemsError:
        return
    assert all(item.project and item.repository and item.reference for item in found)
