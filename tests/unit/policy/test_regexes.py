"""What RE2 does not take is refused with a word on what to write."""

from __future__ import annotations

import pytest

from preheat.policy.matchers import Matcher, MatcherKind, captured


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("v(?!.*rc).*", "operator: '(?!'; RE2 looks neither ahead nor behind: .* under deny"),
        ("(?<=v)1", "operator: '(?<='; RE2 looks neither ahead nor behind"),
        (r"(a)\1", r"escape sequence: '\\1'; RE2 has no back references"),
        ("(?P<a>x)(?P=a)", "RE2 has no back references"),
        ("a{1001}", "repetition size: '{1001}'; a repetition is at most 1000"),
        ("((a{100}){100}){100}", "at most 1000, multiplied by those around it"),
        (r"v1\Z", "leave it out: a pattern always matches the whole name"),
        ("(a", r"missing \): '\(a'$"),
        ("a\\", "trailing"),
    ],
)
def test_a_refused_pattern_says_what_to_write(pattern: str, words: str) -> None:
    """The words of RE2, what it met in quotes, and what helps."""
    escaped = words.replace("(?", r"\(\?").replace("{", r"\{")
    with pytest.raises(ValueError, match=escaped):
        Matcher(MatcherKind.REGEX, pattern).check()


@pytest.mark.parametrize(
    "pattern", ["(?P<a>x)(?P<a>y)", "(?P<a>x)|(?P<a>y)", "(?<a>x)(?P<a>y)", r"[\]](?<a>x)(?<a>y)"]
)
def test_two_groups_of_one_name_are_refused(pattern: str) -> None:
    """RE2 lets them pass and would tell only one of them."""
    with pytest.raises(ValueError, match=r"the group 'a' is there more than once; .*P<a>"):
        Matcher(MatcherKind.REGEX, pattern).check()


@pytest.mark.parametrize(
    "pattern",
    [
        r"(?P<a>x)\(?P<a>y",
        r"(?P<a>x)[(?P<a>y]+",
        r"(?P<a>x)\Q(?P<a>\E",
        "(?P<a>x)(?P<b>[[:alpha:]])",
    ],
)
def test_what_only_looks_like_a_group_is_none(pattern: str) -> None:
    """Escapes, classes and quoted text hold no groups."""
    assert captured(pattern, None)["a"] == ""
