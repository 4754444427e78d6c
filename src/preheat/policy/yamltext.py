"""YAML with places: plain data, and the line and column of every part of it.

Only what configuration needs: maps, lists and text. A scalar stays text until a field gives it a
type, so ``no``, ``1.10``, ``06:00`` and ``0123`` mean what they say. Anchors, tags of types,
several documents and duplicate keys are refused. Size and depth are bounded, so that hostile files
do no harm.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn, TypeAlias

import yaml

from preheat.errors import Problem, ProblemsError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MAX_BYTES", "Document", "Path", "Place", "dotted", "parse"]

MAX_BYTES = 256 * 1024
MAX_DEPTH = 20
MAX_NODES = 20_000
_LONGEST_KEY = 60

Path: TypeAlias = tuple[str | int, ...]
Place: TypeAlias = tuple[int, int]

_NULLS = {"", "~", "null", "Null", "NULL"}
_TYPE_TAG = "tag:yaml.org,2002:"
_PLAIN_TAGS = {"!", f"{_TYPE_TAG}str", f"{_TYPE_TAG}map", f"{_TYPE_TAG}seq"}


@dataclass(slots=True)
class Document:
    """What a file says, with the places of keys and values by path.

    :param problems: found on the way, such as a duplicate key; the rest of the file is still read.
    :param unread: paths of values that were refused, so that nobody asks for them again.
    """

    data: object = None
    keys: dict[Path, Place] = field(default_factory=dict)
    values: dict[Path, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    unread: set[str] = field(default_factory=set)

    def place(self, path: Path, *, of_key: bool = False) -> Place | None:
        """Give the place of a value (or its key), or of the nearest thing around it."""
        for length in range(len(path), -1, -1):
            start = path[:length]
            first, second = (self.keys, self.values) if of_key else (self.values, self.keys)
            found = first.get(start) or second.get(start)
            if found is not None:
                return found
        return None

    def line(self, path: Path) -> int | None:
        """Line of a key, for reasons."""
        found = self.place(path, of_key=True)
        return found[0] if found else None


def parse(text: str, source: str) -> Document:
    """Read one YAML document.

    :raises ProblemsError: when it is no YAML at all, too big or too deep; says where.
    """
    if len(text) > MAX_BYTES:
        message = f"The file is larger than {MAX_BYTES // 1024} KiB; no policy needs that."
        raise ProblemsError([Problem(message, source)])
    try:
        return _Builder(source, yaml.parse(text, Loader=yaml.CSafeLoader)).document()
    except yaml.MarkedYAMLError as error:
        raise ProblemsError([_syntax_problem(error, source, text)]) from None
    except (yaml.YAMLError, UnicodeError) as error:
        message = f"The file is not YAML text: {_one_line(error)}."
        raise ProblemsError([Problem(message, source)]) from None


class _Builder:
    """Builds data from parser events, one pass, no recursion deeper than allowed."""

    def __init__(self, source: str, events: Iterator[yaml.Event]) -> None:
        self._source = source
        self._events = events
        self._made = Document()
        self._nodes = 0
        self._references: list[tuple[yaml.Event, str, Path]] = []

    def document(self) -> Document:
        for event in self._events:
            if isinstance(event, yaml.NodeEvent):
                if self._made.values:
                    self._stop("Only one YAML document a file; remove what follows.", event)
                self._made.data = self._node(event, ())
        self._tell_references()
        return self._made

    def _node(self, event: yaml.NodeEvent, path: Path) -> object:
        self._nodes += 1
        if self._nodes > MAX_NODES or len(path) > MAX_DEPTH:
            limit = f"{MAX_NODES} values" if self._nodes > MAX_NODES else f"{MAX_DEPTH} levels"
            self._stop(f"The file holds more than {limit}; no policy needs that.", event)
        self._made.values[path] = _place(event)
        if isinstance(event, yaml.AliasEvent):
            self._references.append((event, f"*{event.anchor}", path))
            self._made.unread.add(dotted(path))
            return None
        self._check_tag(event, path)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        return self._scalar(event, path) if isinstance(event, yaml.ScalarEvent) else None

    def _mapping(self, path: Path) -> dict[str, object]:
        data: dict[str, object] = {}
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            if not isinstance(event, yaml.ScalarEvent):
                self._stop("A key must be plain text.", event)
            key = event.value
            value = self._node(self._next(), (*path, key))
            if key in data:
                self._duplicate(event, (*path, key))
                continue
            data[key] = value
            self._made.keys[*path, key] = _place(event)
        return data

    def _sequence(self, path: Path) -> list[object]:
        data: list[object] = []
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            if isinstance(event, yaml.NodeEvent):
                data.append(self._node(event, (*path, len(data))))
        return data

    def _next(self) -> yaml.NodeEvent:
        event = next(self._events)
        assert isinstance(event, yaml.NodeEvent)  # noqa: S101 - a key is followed by its value
        return event

    def _scalar(self, event: yaml.ScalarEvent, path: Path) -> str | None:
        text: str = event.value
        if event.implicit[0] and text in _NULLS:
            self._problem("There is no value; write one, or remove the key.", event, path)
            return None
        return text

    def _check_tag(self, event: yaml.NodeEvent, path: Path) -> None:
        tag: str | None = getattr(event, "tag", None)
        if tag and tag not in _PLAIN_TAGS:
            shown = tag.replace(_TYPE_TAG, "!!")
            self._problem(f"The YAML tag {shown} is not used here; remove it.", event, path)
        if event.anchor:
            self._references.append((event, f"&{event.anchor}", path))

    def _tell_references(self) -> None:
        """Tell all anchors and aliases at once: a file that holds one holds many."""
        if not self._references:
            return
        event, shown, path = self._references[0]
        count = len(self._references)
        many = f" ({count} of them in this file)" if count > 1 else ""
        message = f"YAML anchors and aliases ({shown}) are not used here; write the values out"
        self._problem(f"{message}{many}.", event, path)

    def _duplicate(self, event: yaml.Event, path: Path) -> None:
        first = self._made.keys[path][0]
        message = f"The key {path[-1]!r} is already there in line {first}; keep one of the two."
        self._problem(message, event, path)

    def _problem(self, message: str, event: yaml.Event, path: Path = ()) -> None:
        line, column = _place(event)
        self._made.problems.append(Problem(message, self._source, line, column, dotted(path)))

    def _stop(self, message: str, event: yaml.Event) -> NoReturn:
        self._tell_references()
        self._problem(message, event)
        raise ProblemsError(self._made.problems)


def dotted(path: Path) -> str:
    """Write a path as people do: ``spec.rules[0].tags``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{_shown(part)}"
    return text.removeprefix(".")


def _shown(key: str) -> str:
    """Show a key, which may be any text, in a few characters of one line."""
    return key if len(key) <= _LONGEST_KEY and key.isprintable() else repr(key[:_LONGEST_KEY])


def _place(event: yaml.Event) -> Place:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _syntax_problem(error: yaml.MarkedYAMLError, source: str, text: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    what = ", ".join(part for part in (error.context, error.problem) if part)
    met = text[mark.index : mark.index + 1] if mark else ""
    hint = ""
    if met == "\t":
        hint = " Indent with spaces, not tabs."
    elif "alias" in what or "anchor" in what:
        hint = ' Text that begins with * or & needs quotes, as in cron: "* * * * *".'
    return Problem(
        f"The file is not valid YAML: {what}.{hint}",
        source,
        mark.line + 1 if mark else None,
        mark.column + 1 if mark else None,
    )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
