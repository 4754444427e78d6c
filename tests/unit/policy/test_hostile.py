"""Files made to do harm: refused with a clear problem, after a bounded amount of work."""

from __future__ import annotations

import io
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from preheat.errors import ProblemsError
from preheat.policy.loader import load_policy, read_text
from preheat.policy.matchers import MAX_PATTERN_LENGTH, Matcher, MatcherKind
from preheat.policy.problems import MOST_TOLD
from preheat.policy.yamltext import MAX_BYTES, MAX_DEPTH, MAX_NODES, parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.policy.model import Clusters, Policy

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


def problems_of(text: str) -> list[str]:
    """Give all problems of a text that must have some."""
    try:
        found = parse(text, "x.yaml").problems
    except ProblemsError as error:
        found = list(error.problems)
    assert found
    return [str(problem) for problem in found]


class Counting(io.BytesIO):
    """A file that knows how much of it was read."""

    most = 0

    def read(self, size: int | None = -1) -> bytes:
        """Count, then read."""
        content = super().read(size)
        Counting.most += len(content)
        return content


def test_of_ten_megabytes_only_the_first_part_is_read(tmp_path: Path) -> None:
    """The work is bounded by the limit, not by the file."""
    file = tmp_path / "big.yaml"
    file.write_bytes(b"#" * 10_000_000)

    class Watched(type(file)):  # type: ignore[misc]
        """A path whose reads are counted."""

        def open(self, mode: str = "r", *args: object) -> Counting:
            """Open what is there."""
            return Counting(Path(str(self)).read_bytes())

    with pytest.raises(ProblemsError, match="larger than 256 KiB"):
        read_text(Watched(file))
    assert Counting.most == MAX_BYTES + 1


def test_text_that_is_too_long_is_not_parsed_at_all() -> None:
    """Not one event is made of ten megabytes, wherever they come from."""
    (problem,) = problems_of("x" * (MAX_BYTES + 1))
    assert problem == "x.yaml: The file is larger than 256 KiB; no policy needs that."


def test_an_alias_bomb_is_never_expanded() -> None:
    """Nine levels of nine aliases would be 387 million values; one problem counts them all."""
    document = parse(BOMB, "x.yaml")
    assert len(document.values) < 200
    (problem,) = document.problems
    assert str(problem) == (
        "x.yaml:1:4: a YAML anchors and aliases (&a) are not used here; write the values out"
        f" ({8 * 9 + 9} of them in this file)."
    )


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param([f"  k{n}: x" for n in range(19_000)], id="unknown keys"),
        pytest.param(["  suspend: x"] * 19_000, id="one key again and again"),
        pytest.param(["  targets:", *["  - {cluster: eu_1}"] * 6_000], id="unknown clusters"),
        pytest.param(
            [
                f"  sources: [{{registry: harbor_default, projects: [{'a*b, ' * 9_000}]}}]",
                "  pins:",
                *[f"  - {{image: 'a{n}/b:1'}}" for n in range(3_000)],
            ],
            id="pins of no project",
        ),
    ],
)
def test_of_very_many_problems_the_first_are_told(spec: list[str], clusters: Clusters) -> None:
    """The last one counts the rest; near words are not sought for what is not told."""
    began = time.process_time()
    with pytest.raises(ProblemsError) as caught:
        load_policy("\n".join(["kind: PreheatPolicy", "spec:", *spec]), "x.yaml", clusters)
    assert time.process_time() - began < 10
    *told, rest = caught.value.problems
    assert len(told) == MOST_TOLD
    assert re.fullmatch(r"x\.yaml: and [0-9,]+ more problems\.", str(rest))
    assert rest.stands_for > 5_000
    lines = [problem.line or 0 for problem in told]
    assert lines == sorted(lines)


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_depth_is_bounded(opening: str) -> None:
    """Sixty thousand levels are left at the twenty-first."""
    (*_, last) = problems_of(opening * 60_000)
    assert f"more than {MAX_DEPTH} levels" in last or "must be plain text" in last


def test_the_number_of_values_is_bounded() -> None:
    """A list of 100,000 entries is left at the limit."""
    (*_, last) = problems_of("[" + "a," * 100_000 + "a]")
    assert f"more than {MAX_NODES} values" in last


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("<<: {a: 1}\nb: 2", "", id="a merge key is a key like others"),
        pytest.param("a: &x 1", "aliases (&x) are not used", id="an anchor"),
        pytest.param("a: *x", "undefined alias|aliases", id="an alias of nothing"),
        pytest.param("a: 1\na: 2", "already there in line 1", id="a key twice"),
        pytest.param("a: 1\n---\nb: 2", "Only one YAML document", id="two documents"),
        pytest.param("a:\n\t- b", "Indent with spaces", id="a tab"),
        pytest.param("a: \x00", "not YAML text", id="NUL"),
        pytest.param("a: \x07", "not YAML text", id="a control character"),
        pytest.param("[a]: b", "A key must be plain text", id="a list as key"),
        pytest.param("? {a: b}\n: c", "A key must be plain text", id="a map as key"),
        pytest.param("!!python/object/apply:os.system [x]", "is not used here", id="a type tag"),
        pytest.param("%TAG ! tag:x,2000:\n--- !y a", "is not used here", id="a tag directive"),
        pytest.param("%YAML 9.9\n--- a", "not valid YAML", id="a version of the future"),
        pytest.param("a: |\n  x\n b: y", "not valid YAML", id="a block left early"),
    ],
)
def test_what_yaml_could_do_is_not_done(text: str, words: str) -> None:
    """Each with its place; a merge key merges nothing."""
    if not words:
        assert parse(text, "x.yaml").data == {"<<": {"a": "1"}, "b": "2"}
        return
    assert any(part in "\n".join(problems_of(text)) for part in words.split("|"))


def test_a_merge_key_is_unknown_to_a_policy(policy: Callable[..., Policy]) -> None:
    """Nothing comes into a map but what stands in it."""
    with pytest.raises(ProblemsError, match="key '<<' is unknown"):
        policy("rules: [{name: a, <<: {take: {newest: 1}}}]")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"", "The file is empty", id="empty"),
        pytest.param(b"\n# only a comment\n", "The file is empty", id="a comment"),
        pytest.param(b"---\n...\n", "no value", id="an empty document"),
        pytest.param(b"a: \xff", "not UTF-8 text (byte 3)", id="no UTF-8"),
        pytest.param("a: b".encode("utf-16"), "not UTF-8 text (byte 0)", id="UTF-16"),
        pytest.param(b"a: \xed\xa0\x80", "not UTF-8 text", id="half a surrogate pair"),
        pytest.param(b"PK\x03\x04", "not YAML text", id="an archive"),
        pytest.param(b"[]", "must be a map", id="a list"),
        pytest.param(b"a", "must be a map", id="text"),
    ],
)
def test_files_that_are_no_policies(
    content: bytes, words: str, tmp_path: Path, clusters: Clusters
) -> None:
    """One clear problem each."""
    file = tmp_path / "x.yaml"
    file.write_bytes(content)
    with pytest.raises(ProblemsError) as caught:
        load_policy(read_text(file), file.name, clusters)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        pytest.param("(?=a)b", "invalid perl operator", id="look-ahead"),
        pytest.param(r"(a)\1", "invalid escape sequence", id="a back-reference"),
        pytest.param("a{1001}", "invalid repetition size", id="a repetition too large"),
        pytest.param("((a{100}){100}){100}", "invalid repetition size", id="repetitions repeated"),
        pytest.param(r"\pL{1,999}" * 60, "pattern too large", id="classes of Unicode, often"),
        pytest.param("(" * 2000, "at most 1024", id="too long"),
        pytest.param("(" * 1000 + ")" * 20, "missing", id="left open"),
    ],
)
def test_patterns_that_are_not_re2_are_refused(pattern: str, words: str) -> None:
    """What RE2 does not have, or what would take much memory."""
    with pytest.raises(ValueError, match=words):
        Matcher(MatcherKind.REGEX, pattern).check()


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(a*)*c", "((a?){30}a{30})+d"])
def test_patterns_that_hang_others_do_not_hang(pattern: str) -> None:
    """Exponential for engines that go back; RE2's work grows with the text alone."""
    assert Matcher(MatcherKind.REGEX, pattern)("a" * 128 + "!") is False


def test_a_pattern_has_a_length() -> None:
    """As in Harbor, whose filters hold 1024 characters."""
    Matcher(MatcherKind.GLOB, "a" * MAX_PATTERN_LENGTH).check()
    with pytest.raises(ValueError, match="at most 1024"):
        Matcher(MatcherKind.GLOB, "a" * (MAX_PATTERN_LENGTH + 1)).check()


def test_yaml_events_are_made_as_they_are_asked_for() -> None:
    """So what is refused early costs little, however long it goes on."""
    events = yaml.parse("[" * 1_000_000, Loader=yaml.CSafeLoader)
    assert sum(1 for _, _ in zip(range(50), events, strict=False)) == 50
