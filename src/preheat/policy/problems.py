"""From pydantic's errors to problems a person can act on: place, path, and what to write."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any, get_args

from preheat.errors import Problem
from preheat.policy.fields import Strict
from preheat.policy.yamltext import Document, Path, Place, dotted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

__all__ = ["MOST_TOLD", "first_of", "hint", "inner_model", "problem_at", "schema_problems"]

MOST_TOLD = 50
"""So many problems of one file are told; the rest is counted."""

_QUOTED = re.compile(r"""(?<!\w)(['"])(.*?)\1(?!\w)""")
_ENUM_MEMBER = re.compile(r"<[\w.]+: ('[^']*')>")
_LONGEST_QUOTE = 80
_LONG_WORD = re.compile(rf"(\S{{{_LONGEST_QUOTE}}})\S{{20,}}")


def hint(word: str, known: Iterable[str]) -> str:
    """Offer the nearest known word, else list them all."""
    words = sorted(known)
    near = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else f"known are {', '.join(words) or 'none'}."


def problem_at(
    document: Document, source: str, path: Path, message: str, *, of_key: bool = False
) -> Problem:
    """Make a problem with the place of a path."""
    line, column = document.place(path, of_key=of_key) or (None, None)
    message = _LONG_WORD.sub(r"\1…", _QUOTED.sub(_shortened, message))
    return Problem(message, source, line, column, dotted(path))


def _shortened(quoted: re.Match[str]) -> str:
    """Cut what is quoted at such length that nobody would read it."""
    mark, text = quoted[1], quoted[2]
    return quoted[0] if len(text) <= _LONGEST_QUOTE else f"{mark}{text[:_LONGEST_QUOTE]}…{mark}"


def first_of(problems: Iterable[Problem]) -> list[Problem]:
    """Give the first problems of a file by their place, and one that counts the rest."""
    found = sorted(problems, key=lambda problem: (problem.line or 0, problem.column or 0))
    left = len(found) - MOST_TOLD
    if left <= 1:  # the one would take a line anyway
        return found
    message = f"and {left:,} more problems."
    return [*found[:MOST_TOLD], Problem(message, found[0].source, stands_for=left)]


def schema_problems(
    error: ValidationError, root: type[Strict], document: Document, source: str
) -> list[Problem]:
    """Turn all errors of one validation into problems; not where the text itself was refused.

    Only the first get words, as many as are told: near words are sought for no others.
    """
    told = {problem.path for problem in document.problems} | document.unread
    errors = [
        (details, path)
        for details in error.errors(include_url=False)
        if dotted(path := _path(details["loc"])) not in told and not _is_echo(details)
    ]
    errors.sort(key=lambda each: _place(document, *each))
    return [
        _problem(details, root, path, document, source, in_words=number <= MOST_TOLD)
        for number, (details, path) in enumerate(errors)
    ]


def _place(document: Document, details: ErrorDetails, path: Path) -> Place:
    return document.place(path, of_key=_is_of_key(details)) or (0, 0)


def _is_of_key(details: ErrorDetails) -> bool:
    return details["type"] == "extra_forbidden"


def _problem(
    details: ErrorDetails,
    root: type[Strict],
    path: Path,
    document: Document,
    source: str,
    *,
    in_words: bool,
) -> Problem:
    message = _message(details, root, path) if in_words else details["type"]
    message = _without_data(message, details["input"])
    return problem_at(document, source, path, message, of_key=_is_of_key(details))


def _without_data(message: str, value: object) -> str:
    """Say what stands there instead of showing all of it."""
    if not isinstance(value, dict | list):
        return message
    shown = message.replace(repr(value), "a map" if isinstance(value, dict) else "a list")
    return shown[0].upper() + shown[1:]


def _is_echo(details: ErrorDetails) -> bool:
    """Whether pydantic calls a list too short only because its entries are wrong."""
    return details["type"] == "too_short" and bool(details["input"])


def _path(loc: Path) -> Path:
    """Give a location without the marks pydantic adds for the keys of free maps."""
    return tuple(part for part in loc if part != "[key]")


def _message(details: ErrorDetails, root: type[Strict], path: Path) -> str:
    context = details.get("ctx", {})
    kind = details["type"]
    if kind == "extra_forbidden":
        return _unknown_key(str(path[-1]), _model_at(root, path[:-1]))
    if kind == "missing":
        return _missing_key(str(path[-1]), _model_at(root, path[:-1]))
    if kind in {"model_type", "model_attributes_type", "dict_type"}:
        model = _model_at(root, path)
        return f"This must be {model.shape if model else 'a map of keys and values'}."
    if kind in {"enum", "literal_error"}:
        expected = _ENUM_MEMBER.sub(r"\1", str(context.get("expected", "")))
        return _unknown_word(details["input"], expected)
    return _value_message(kind, context, details)


def _value_message(kind: str, context: dict[str, Any], details: ErrorDetails) -> str:
    known: dict[str, Callable[[], str]] = {
        "value_error": lambda: f"{context['error']}.",
        "tuple_type": lambda: "This must be a list, such as [a, b].",
        "string_type": lambda: "This must be text.",
        "string_too_short": lambda: "This text is empty.",
        "string_too_long": lambda: f"This text is longer than {context['max_length']} characters.",
        "too_short": lambda: "This is empty; write at least one entry.",
        "too_long": lambda: f"There are more than {context['max_length']} entries.",
        "greater_than_equal": lambda: f"This must be at least {context['ge']}.",
        "less_than_equal": lambda: f"This must be at most {context['le']}.",
    }
    if kind in known:
        text = known[kind]()
        return text[0].upper() + text[1:]
    return f"{details['msg']}."


def _unknown_key(key: str, model: type[Strict] | None) -> str:
    if model is None:
        return f"The key {key!r} is unknown."
    if key in model.later:
        return (
            f"The key {key!r} belongs to a later version of Preheat and does nothing yet;"
            " remove it."
        )
    known = [field.alias or name for name, field in model.model_fields.items()]
    return f"The key {key!r} is unknown; {hint(key, known)}"


def _missing_key(key: str, around: type[Strict] | None) -> str:
    fields = around.model_fields.values() if around else ()
    kind = next((field.annotation for field in fields if field.alias == key), None)
    if isinstance(kind, type) and issubclass(kind, Strict):
        return f"The key {key!r} is missing; write {kind.shape}."
    return f"The key {key!r} is missing; it must be written."


def _unknown_word(word: object, expected: str) -> str:
    known = [part.strip().strip("'") for part in expected.replace(" or ", ",").split(",")]
    listed = ", ".join(known)
    near = difflib.get_close_matches(str(word), known, n=1, cutoff=0.6)
    mean = f" Did you mean {near[0]!r}?" if near else ""
    return f"{word!r} is not one of {listed}.{mean}"


def _model_at(root: type[Strict], path: Path) -> type[Strict] | None:
    """Which map of the schema lies at this path."""
    model: type[Strict] | None = root
    for part in path:
        if isinstance(part, int) or model is None:
            continue
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        model = inner_model(fields[part].annotation) if part in fields else None
    return model


def inner_model(annotation: object) -> type[Strict] | None:
    """Tell which map a field holds, or a list of it."""
    if isinstance(annotation, type) and issubclass(annotation, Strict):
        return annotation
    for inner in get_args(annotation):
        found = inner_model(inner)
        if found is not None:
            return found
    return None
