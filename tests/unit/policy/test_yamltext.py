"""YAML is read without traps, and hostile text gets a clear problem instead of a traceback."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preheat.errors import ProblemsError
from preheat.policy.yamltext import parse


def test_scalars_stay_text() -> None:
    """None of YAML 1.1's surprises: booleans, floats, octals, sexagesimals, dates."""
    words = ["no", "on", "1.10", "0123", "06:00", "1e3", "2026-01-01", "0x1F", ".inf"]
    assert parse(f"[{', '.join(words)}]", "x.yaml").data == words


def test_places_are_kept() -> None:
    """Every key and value has its line and column, counted from 1."""
    document = parse("a:\n  - b: x\n    c: y\n", "x.yaml")
    assert document.place(("a", 0, "c")) == (3, 8)
    assert document.place(("a", 0, "c"), of_key=True) == (3, 5)
    assert document.place(("a", 0, "absent")) == (2, 5)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(
            "a: 1\nb: 2\na: 3\n",
            "x.yaml:3:1: a The key 'a' is already there in line 1",
            id="a key twice",
        ),
        pytest.param("a:\n", "x.yaml:1:3: a There is no value", id="a key without value"),
        pytest.param("a: null", "no value", id="null"),
        pytest.param("a: &x [1]\nb: *x", "aliases (&x) are not used", id="an alias"),
        pytest.param(
            "a: !!python/object:os.system x", "tag !!python/object:os.system", id="a type tag"
        ),
        pytest.param("a: !!binary x", "tag !!binary", id="a standard type tag"),
    ],
)
def test_refused_but_read_on(text: str, words: str) -> None:
    """Such things are problems, and the rest of the file is read for its own problems."""
    (*_, last) = parse(text, "x.yaml").problems
    assert words in str(last)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("a:\n\tb: 1", "Indent with spaces", id="tabs"),
        pytest.param("cron: * * * * *", "needs quotes", id="an unquoted cron"),
        pytest.param("a: [1, 2", "not valid YAML", id="a list left open"),
        pytest.param("a: 'x", "not valid YAML", id="a text left open"),
        pytest.param("a: b: c", "not valid YAML", id="two colons"),
        pytest.param('a: "\\d"', "not valid YAML", id="a bad escape"),
        pytest.param("a: 1\n---\nb: 2", "Only one YAML document", id="two documents"),
        pytest.param("? [a]\n: b", "A key must be plain text", id="a list as key"),
        pytest.param("a: \0", "not YAML text", id="a NUL"),
        pytest.param("\x89PNG\x1a", "not YAML text", id="a picture"),
        pytest.param("a: \ud800", "not YAML text", id="half a character"),
        pytest.param("%YAML 9.9\n---\na: 1", "not valid YAML", id="another YAML version"),
        pytest.param("[" * 100_000, "20 levels", id="100,000 open lists"),
        pytest.param("{a: " * 5_000, "20 levels", id="5,000 open maps"),
        pytest.param("[" + "a," * 60_000 + "]", "20000 values", id="60,000 values"),
        pytest.param("x" * 10_000_000, "larger than 256 KiB", id="10 MB"),
    ],
)
def test_hostile_text_is_a_problem(text: str, words: str) -> None:
    """One clear problem each, with the file's name."""
    with pytest.raises(ProblemsError) as caught:
        parse(text, "x.yaml")
    assert words in str(caught.value)
    assert str(caught.value).startswith("x.yaml")


def test_an_alias_bomb_is_never_expanded() -> None:
    """Nine levels of nine aliases would be 387 million values."""
    bomb = "a0: &a0 [x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)
    )
    document = parse(bomb, "x.yaml")
    assert document.data["a9"] == [None] * 9
    (problem,) = document.problems
    assert f"({9 * 9 + 10} of them in this file)" in problem.message


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("ab:-[]{}&*!|>'\"%#,? \n\t\0é1"), max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text leads to another exception than ours."""
    with contextlib.suppress(ProblemsError):
        parse(text, "x.yaml")
