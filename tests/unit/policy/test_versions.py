"""Tags as versions: what reads as one, how they compare, and ranges that can and cannot match."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preheat.policy.versions import Range, calver_key, numeric_key, precedence, semver

some = settings(max_examples=150, deadline=None)

GRID = [
    version
    for major in range(5)
    for minor in range(5)
    for patch in range(5)
    if (version := semver(f"{major}.{minor}.{patch}"))
]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("1.2.3", "1.2.3"),
        ("v1.2.3", "1.2.3"),
        ("V1.2.3", "1.2.3"),
        ("1.2.3-rc.1", "1.2.3-rc.1"),
        ("1.2.3_build.5", "1.2.3+build.5"),
        ("1.2.3+build.5", "1.2.3+build.5"),
        ("1.2.3-rc.1_7", "1.2.3-rc.1+7"),
        ("999999999999999999.0.0", "999999999999999999.0.0"),
    ],
)
def test_semantic_versions(text: str, read: str) -> None:
    """A leading v counts for nothing, and _ stands for the + that no tag can hold."""
    assert str(semver(text)) == read
    assert semver(text, strict=False) == semver(text)


@pytest.mark.parametrize(
    "text",
    [
        *("latest", "", "v", "1.2.3.4", "1.2.x", "vv1.2.3", "1.2.3 ", "1.2.3\n", "1..3", "-1.0.0"),
        *("01.2.3", "1.02.3", "1.2.03", "1.2.3-01", "1.2.3-", "1.2.3-rc..1", "1.2.3_"),
        *("\u0661.2.3", "9999999999999999999.0.0", "1.2.3-rc1_", "20240401120000000000"),
    ],
)
def test_no_semantic_version(text: str) -> None:
    """Leading zeros, missing parts, foreign digits and absurd numbers are none, strict or not."""
    assert semver(text) is None
    assert semver(text, strict=False) is None


@pytest.mark.parametrize(
    ("text", "read"),
    [("1", "1.0.0"), ("v1.2", "1.2.0"), ("1.2-rc.1", "1.2.0-rc.1"), ("1_b", "1.0.0+b")],
)
def test_fewer_numbers_only_loosely(text: str, read: str) -> None:
    """Strictly all three numbers must be there; loosely the missing ones are zero."""
    assert semver(text) is None
    assert str(semver(text, strict=False)) == read


def test_semantic_versions_compare_by_their_numbers() -> None:
    """2.10.0 comes after 2.9.0, and pre-releases before their release, part by part."""
    ascending = [
        *("1.0.0-1", "1.0.0-2", "1.0.0-10", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-beta"),
        *("1.0.0-rc.2", "1.0.0-rc.10", "1.0.0", "1.0.1", "2.9.0", "2.10.0", "10.0.0"),
    ]
    found = [version for text in ascending if (version := semver(text))]
    assert len(found) == len(ascending)
    assert sorted(found, key=precedence) == found


def test_builds_do_not_make_a_version_newer() -> None:
    """Two builds of one version tie: the push time then decides."""
    plain, built = semver("1.2.3"), semver("1.2.3_7")
    assert plain is not None
    assert built is not None
    assert precedence(plain) == precedence(built)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("24.04", (2024, 4)),
        ("v24.4", (2024, 4)),
        ("2024.4", (2024, 4)),
        ("2024-04-01", (2024, 4, 1)),
        ("2024_04", (2024, 4)),
        ("202404", (2024, 4)),
        ("20240401", (2024, 4, 1)),
        ("20240401.2", (2024, 4, 1, 2)),
        ("2024", (2024,)),
        ("1990", (1990,)),
        ("2100.1", (2100, 1)),
        ("20240229", (2024, 2, 29)),
        *((text, None) for text in ("", "1.10", "24.04-rc1", "24..4", "24.04.", "x24.04", "120.1")),
        *((text, None) for text in ("5421", "12345678", "1989.1", "2101", "202413", "202400")),
        *((text, None) for text in ("20230229", "20240431", "20240400", "20241301", "000101")),
    ],
)
def test_calendar_versions(text: str, key: tuple[int, ...] | None) -> None:
    """A year first, short, long or packed with month and day; then numbers.

    Build numbers of four or eight digits are no dates.
    """
    assert calver_key(text) == key


def test_calendar_versions_compare_as_dates() -> None:
    """However they are written, December comes after April, and a second build after the first."""
    ascending = ["23.12", "2024", "24.04", "2024-04-01", "20240401.1", "202412", "2025.1"]
    keys = [key for text in ascending if (key := calver_key(text))]
    assert sorted(keys) == keys
    assert len(keys) == len(ascending)


@pytest.mark.parametrize("text", ["", "-1", "1e3", ".5", "1.", "1.2.3", "v1", "\u0661"])
def test_no_number(text: str) -> None:
    """Signs, exponents and versions are no numbers."""
    assert numeric_key(text) is None


def test_numbers_are_exact_decimals() -> None:
    """1.10 is 1.1, not version ten; leading zeros count for nothing, of 5000 digits all count."""
    assert numeric_key("1.10") == numeric_key("1.1")
    assert numeric_key("007") == numeric_key("7")
    big = "9" * 4999
    ascending = ["0", "1.09", "1.1", "1.19", "1.2", "2", "10", f"{big}8", f"{big}9"]
    keys = [key for text in ascending if (key := numeric_key(text))]
    assert sorted(keys) == keys
    assert len(set(keys)) == len(ascending)


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        (">=2.3 <3", ["2.3.0", "2.99.9"], ["2.2.9", "3.0.0", "3.0.0-rc.1"]),
        (">= 2.3, < 3", ["2.3.0"], ["3.0.0"]),
        (">=2.3,<3", ["2.3.0"], ["3.0.0"]),
        (">1.2.3", ["1.2.4"], ["1.2.3", "1.2.3_7"]),
        ("<=1.2", ["1.2.9"], ["1.3.0"]),
        ("^1.2", ["1.2.0", "1.9.0"], ["1.1.9", "2.0.0"]),
        ("^0.2.3", ["0.2.9"], ["0.3.0"]),
        ("~1.4.2", ["1.4.2", "1.4.9"], ["1.4.1", "1.5.0"]),
        ("~ 1.4", ["1.4.0"], ["1.5.0"]),
        ("1.2.*", ["1.2.0", "1.2.9"], ["1.3.0"]),
        ("1.2", ["1.2.9"], ["1.3.0"]),
        ("==1.2.3", ["1.2.3", "1.2.3_7"], ["1.2.4"]),
        ("!=1.5.0", ["1.4.9", "1.5.1"], ["1.5.0"]),
        ("^1 !=1.5.0", ["1.4.0"], ["1.5.0", "2.0.0"]),
        ("!=1.*", ["0.9.0", "2.0.0"], ["1.4.0"]),
        ("*", ["0.0.0", "9.9.9"], []),
        (">=2.3", ["2.4.0-rc.1"], ["2.3.0-rc.1"]),
        (">=1.0.0-rc.2 <2", ["1.0.0-rc.10", "1.0.0"], ["1.0.0-rc.1", "2.0.0-rc.1"]),
    ],
)
def test_ranges(text: str, inside: list[str], outside: list[str]) -> None:
    """All parts of a range must hold; a pre-release of the upper bound lies outside."""
    found = Range(text)
    assert [v for v in inside + outside if found.holds(semver(v))] == inside


@pytest.mark.parametrize(
    "text",
    [
        *(">3 <2", ">1.0.0 <1.0.1", "<1 >1", "<=1 >=2", "^1.2 ^2", "<0.0.0", "==1.5.0 !=1.5.0"),
        *(">1.2.* <1.3", ">1.0.0 <1.0.2 !=1.0.1", ">=1 <2 !=1.*", ">=1.0.0-rc.1 <1.0.0-rc.1"),
    ],
)
def test_a_range_that_can_never_match_is_refused(text: str) -> None:
    """It would silently select nothing, for ever."""
    with pytest.raises(ValueError, match="can never match: no version lies in it"):
        Range(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", ",", "latest", "x", "1.x", ">=v1", "1 || 2", "1.0.0 - 2.0.0", ">=1.2.3.4"),
        *(">=01.2", ">=2.3<3", ">=", "=>1", "~>1.2", ">=1,", "1.0.0-rc.*", ">=1 and <2", "\x00"),
    ],
)
def test_nonsense_is_no_range(text: str) -> None:
    """The message shows how ranges are written, whatever was meant."""
    with pytest.raises(ValueError, match=r"is not a range of versions; write >=2\.3 <3, \^1\.2"):
        Range(text)


@given(st.text(alphabet="0123456789.<>=!~^*-+, vxrc", max_size=20))
@some
def test_any_text_is_a_range_or_refused(text: str) -> None:
    """Nothing else comes out, and a range that loads can be asked."""
    try:
        found = Range(text)
    except ValueError as error:
        assert str(error).startswith(repr(text))  # noqa: PT017 - any text may be fine
    else:
        assert {found.holds(version) for version in GRID} <= {True, False}


numbers = st.integers(0, 3)
bounds = st.one_of(
    st.builds("{}.{}.{}".format, numbers, numbers, numbers),
    st.builds("{}.{}".format, numbers, numbers),
    st.builds(str, numbers),
)
parts = st.builds(
    "{}{}".format, st.sampled_from([">", ">=", "<", "<=", "^", "~", "==", "!=", ""]), bounds
)


@given(st.lists(parts, min_size=1, max_size=4))
@settings(max_examples=400, deadline=None)
def test_a_range_is_refused_exactly_when_nothing_lies_in_it(chosen: list[str]) -> None:
    """All small versions are tried: one that fits means the range is taken, none that it is not."""
    singles = [Range(part) for part in chosen if part not in {"<0", "<0.0", "<0.0.0"}]
    fits = len(singles) == len(chosen) and any(
        all(single.holds(version) for single in singles) for version in GRID
    )
    try:
        taken = any(Range(" ".join(chosen)).holds(version) for version in GRID)
    except ValueError:
        taken = False
    assert taken is fits
