"""Changes of one value in a policy's text; comments, order and everything else stay.

Each change is proved: the new text is read again and must say what was meant, and nothing else.
"""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any, cast

from preheat.errors import InputError
from preheat.policy.yamltext import parse

if TYPE_CHECKING:
    from preheat.policy.yamltext import Document, Path, Place

__all__ = ["with_name", "with_suspend"]

_SUSPEND: Path = ("spec", "suspend")
_NAME: Path = ("metadata", "name")
_SUSPENDS = re.compile(r"suspend:\s+(['\"]?)true\1")


def with_suspend(text: str, source: str, *, suspend: bool) -> str:
    """Set ``spec.suspend``; text that says it already stays as it is.

    What is not suspended needs no word: the line goes, unless a comment stands there.

    :raises InputError: when the file is not such that this can be done safely.
    """
    document = parse(text, source)
    value = "true" if suspend else "false"
    if _SUSPEND in document.values:
        if not suspend and (shorter := _without_line(text, document)):
            return _proved(shorter, source, document, _SUSPEND, None)
        changed = _replaced(text, source, document, _SUSPEND, value)
    elif suspend:
        changed = _added(text, source, document, value)
    else:
        return text
    return _proved(changed, source, document, _SUSPEND, value)


def with_name(text: str, source: str, name: str) -> str:
    """Set ``metadata.name``.

    :raises InputError: when the file is not such that this can be done safely.
    """
    document = parse(text, source)
    if _NAME not in document.values:
        raise _by_hand(source, _NAME, name)
    changed = _replaced(text, source, document, _NAME, name)
    return _proved(changed, source, document, _NAME, name)


def _replaced(text: str, source: str, document: Document, path: Path, value: str) -> str:
    """Put a value in place of another one; a quoted value stays quoted."""
    old = _value_at(document, path)
    start = _index(text, document.values[path])
    for quote in ("", "'", '"'):
        written = f"{quote}{old}{quote}"
        if isinstance(old, str) and old and text.startswith(written, start):
            return f"{text[:start]}{quote}{value}{quote}{text[start + len(written) :]}"
    raise _by_hand(source, path, value)


def _added(text: str, source: str, document: Document, value: str) -> str:
    """Put ``suspend`` before the first key of ``spec``."""
    keys = [place for path, place in document.keys.items() if path[:-1] == ("spec",)]
    if not keys:
        raise _by_hand(source, _SUSPEND, value)
    first = min(keys)
    start = _index(text, first)
    if text[_index(text, document.values["spec",])] == "{":
        return f"{text[:start]}suspend: {value}, {text[start:]}"
    end = "\r\n" if "\r\n" in text else "\n"
    return f"{text[:start]}suspend: {value}{end}{' ' * (first[1] - 1)}{text[start:]}"


def _without_line(text: str, document: Document) -> str:
    """Take out the line that suspends; empty where it holds more than that."""
    lines = text.splitlines(keepends=True)
    number = document.line(_SUSPEND)
    if number is None or not _SUSPENDS.fullmatch(lines[number - 1].strip()):
        return ""
    return "".join((*lines[: number - 1], *lines[number:]))


def _proved(text: str, source: str, before: Document, path: Path, value: str | None) -> str:
    """Read a changed text again.

    :param value: what must stand there now; None for nothing.
    """
    wanted = cast("dict[str, dict[str, Any]]", copy.deepcopy(before.data))
    section, key = (str(part) for part in path)
    if value is None:
        wanted[section].pop(key)
    else:
        wanted[section][key] = value
    try:
        found = parse(text, source).data
    except InputError:
        found = None
    if found != wanted or before.problems:
        raise _by_hand(source, path, value or "false")
    return text


def _by_hand(source: str, path: Path, value: str) -> InputError:
    section, key = path
    return InputError(
        f"{source} is written in a way that this command does not dare to change: set"
        f" '{key}: {value}' below '{section}:' by hand. Nothing was changed."
    )


def _value_at(document: Document, path: Path) -> object:
    data = document.data
    for part in path:
        data = data.get(str(part)) if isinstance(data, dict) else None
    return data


def _index(text: str, place: Place) -> int:
    """Turn line and column into a position in the text, by YAML's own line breaks."""
    line, column = place
    return sum(len(each) for each in text.splitlines(keepends=True)[: line - 1]) + column - 1
