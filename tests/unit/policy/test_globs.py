"""Globs mean what they mean in Harbor; regular expressions match whole names in linear time."""

from __future__ import annotations

import pytest

from preheat.policy.matchers import Matcher, MatcherKind

# From the tests of bmatcuk/doublestar v1.3.4, the version that Harbor 2.15 links, without the cases
# that only a file system knows.
HARBOR_GLOBS = [
    ("*", "", True), ("abc", "abc", True), ("*", "abc", True), ("*c", "abc", True),
    ("a*", "a", True), ("a*", "abc", True), ("a*", "ab/c", False), ("a*/b", "abc/b", True),
    ("a*/b", "a/c/b", False), ("a*b*c*d*e*", "axbxcxdxe", True),
    ("a*b*c*d*e*/f", "axbxcxdxexxx/f", True), ("a*b*c*d*e*/f", "axbxcxdxe/xxx/f", False),
    ("a*b*c*d*e*/f", "axbxcxdxexxx/fff", False), ("a*b?c*x", "abxbbxdbxebxczzx", True),
    ("a*b?c*x", "abxbbxdbxebxczzy", False), ("ab[c]", "abc", True), ("ab[b-d]", "abc", True),
    ("ab[e-g]", "abc", False), ("ab[^c]", "abc", False), ("ab[^e-g]", "abc", True),
    ("a\\*b", "ab", False), ("a?b", "a☺b", True), ("a[^a]b", "a☺b", True), ("a???b", "a☺b", False),
    ("a?b", "a/b", False), ("a*b", "a/b", False), ("[\\]a]", "]", True), ("[\\-]", "-", True),
    ("[x\\-]", "x", True), ("[x\\-]", "-", True), ("[x\\-]", "z", False), ("[\\-x]", "-", True),
    ("*x", "xxx", True), ("[abc]", "b", True), ("a/**", "a", False), ("a/**", "a/b", True),
    ("a/**", "a/b/c", True), ("**/c", "c", True), ("**/c", "b/c", True), ("**/c", "a/b/c", True),
    ("**/c", "a/b", False), ("**/c", "abcd", False), ("**/c", "a/abc", False),
    ("a/**/b", "a/b", True), ("a/**/c", "a/b/c", True), ("a/**/d", "a/b/c/d", True),
    ("a/\\**", "a/b/c", False), ("ab{c,d}", "abc", True), ("ab{c,d,*}", "abcde", True),
    ("a{,bc}", "a", True), ("a{,bc}", "abc", True), ("a/{b/c,c/b}", "a/b/c", True),
    ("a/{b/c,c/b}", "a/c/b", True), ("{a/{b,c},abc}", "a/b", True), ("{a/{b,c},abc}", "abc", True),
    ("{a/{b,c},abc}", "a/b/c", False), ("{a/ab*}", "a/abc", True), ("{a/b,a/c}", "a/c", True),
    ("**/abc", "abc", True), ("abc**", "abc/b", False), ("**", "a/b/c", True),
    ("{a/**,b}", "a/x/y", True), ("{a/**,b}", "a", False), ("v1.*", "v1.2", True),
    ("v1.*", "v102", False), ("**", "x", True), ("front/**", "front", False),
]  # fmt: skip

BAD_GLOBS = [
    "[]a]",
    "[-]",
    "[x-]",
    "[-x]",
    "\\",
    "[a-b-c]",
    "[",
    "[^",
    "[^bc",
    "ab{c,d}[",
    "a{b",
    "[!a]",
]


@pytest.mark.parametrize(("pattern", "name", "matches"), HARBOR_GLOBS)
def test_globs_match_as_in_harbor(pattern: str, name: str, matches: bool) -> None:
    """A pattern copied from a Harbor preheat policy selects the same names."""
    assert Matcher(MatcherKind.GLOB, pattern)(name) is matches


@pytest.mark.parametrize("pattern", BAD_GLOBS)
def test_bad_globs_are_refused(pattern: str) -> None:
    """What Harbor finds out at run time (a masked 500), and what tools read in two ways."""
    with pytest.raises(ValueError, match=r"glob|class"):
        Matcher(MatcherKind.GLOB, pattern).check()


@pytest.mark.parametrize(
    ("kind", "pattern", "name", "matches"),
    [
        pytest.param(MatcherKind.EXACT, "v1.0", "v1.0", True, id="the same text"),
        pytest.param(MatcherKind.EXACT, "v1.*", "v1.0", False, id="no wildcard in exact"),
        pytest.param(MatcherKind.EXACT, "v1.0", "V1.0", False, id="case counts"),
        pytest.param(MatcherKind.REGEX, r"v\d+", "v12", True, id="the whole name"),
        pytest.param(MatcherKind.REGEX, r"v\d+", "v12-debug", False, id="not the beginning only"),
        pytest.param(MatcherKind.REGEX, r"v\d+", "xv12", False, id="not the end only"),
        pytest.param(MatcherKind.REGEX, "a|b", "ab", False, id="either side of a bar alone"),
        pytest.param(MatcherKind.REGEX, "(?i)V1", "v1", True, id="flags work"),
    ],
)
def test_matchers_take_the_whole_name(
    kind: MatcherKind, pattern: str, name: str, matches: bool
) -> None:
    """No kind of matcher is satisfied by a part of the name."""
    assert Matcher(kind, pattern)(name) is matches


@pytest.mark.parametrize("pattern", ["(?=a)", "(", "a{3000}", r"(a)\1", "((a{900}){900}){900}"])
def test_expressions_that_re2_refuses(pattern: str) -> None:
    """Look-around, back-references and huge repetitions are refused when the file is read."""
    with pytest.raises(ValueError, match="RE2"):
        Matcher(MatcherKind.REGEX, pattern).check()


@pytest.mark.parametrize(
    ("kind", "pattern"),
    [(MatcherKind.GLOB, "*a" * 30 + "b"), (MatcherKind.REGEX, "(a*)*" * 10 + "b")],
)
def test_hostile_patterns_answer_at_once(kind: MatcherKind, pattern: str) -> None:
    """Patterns that keep a backtracking engine busy for years get an answer within the test."""
    assert Matcher(kind, pattern)("a" * 128) is False


def test_patterns_have_a_length() -> None:
    """A pattern holds at most 1024 characters, as a filter in Harbor."""
    with pytest.raises(ValueError, match="1024"):
        Matcher(MatcherKind.EXACT, "a" * 1025).check()
