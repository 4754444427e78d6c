"""JSON that anybody may have written: read field by field, all problems told with their places.

A webhook's body is small, so it is read as plain data first; of what the JSON library would let
pass (a key that is there twice, numbers without an end, halves of characters) nothing gets further.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from preheat.errors import Problem, ProblemsError
from preheat.transport import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Fields", "read_fields", "shown"]

_SHOWN_LENGTH = 60
_LONGEST_NUMBER = 20  # digits; a longer one is no moment, and costs time to read
_UNWRITABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_KINDS = (
    (bool, "true or false"),
    (int, "a number"),
    (float, "a fraction or a number without end"),
    (str, "text"),
    (list, "a list"),
    (dict, "an object"),
)


class _Object(dict[str, Any]):
    """A JSON object that knows which of its keys came more than once."""

    twice: tuple[str, ...] = ()


def _object(pairs: list[tuple[str, Any]]) -> _Object:
    made = _Object(pairs)
    if len(made) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        made.twice = tuple(key for key, count in counts.items() if count > 1)
    return made


def _constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONGEST_NUMBER else float("inf")


def shown(text: str) -> str:
    """Show what somebody sent: quoted, short, with nothing that a log or a terminal obeys."""
    quoted = redact(ascii(text[: 2 * _SHOWN_LENGTH]))
    return quoted if len(quoted) <= _SHOWN_LENGTH else f"{quoted[:_SHOWN_LENGTH]}…"


@dataclass(frozen=True)
class Fields:
    """The fields of one object; what is wrong with them is gathered.

    :param path: of the object, for the messages; "" for the outermost.
    :param problems: of the whole document; shared.
    """

    _values: _Object
    path: str
    problems: list[Problem]

    def __post_init__(self) -> None:
        for key in self._values.twice:
            self.complain(shown(key), "This is there more than once.")

    def complain(self, name: str, message: str) -> None:
        """Note what is wrong with a field."""
        self.problems.append(Problem(message, path=self._path(name)))

    def has(self, name: str) -> bool:
        """Tell whether a field is there and says anything."""
        value = self._values.get(name)
        return value is not None and value != ""

    def text(self, name: str, is_right: Callable[[str], object], wanted: str) -> str | None:
        """Read text; None where there is a problem.

        :param is_right: gives something true for what it may be.
        :param wanted: what it should be, for the message.
        """
        value = self._known(name, str, "text")
        if value is None:
            return None
        odd = _UNWRITABLE.search(value)
        if odd:
            self.complain(name, f"This holds a character that no name has: U+{ord(odd[0]):04X}.")
        elif not is_right(value):
            self.complain(name, f"{shown(value)} is not {wanted}.")
        else:
            return str(value)
        return None

    def number(self, name: str) -> int | None:
        """Read a whole number; None where there is a problem."""
        value = self._known(name, int, "a whole number")
        return None if value is None else int(value)

    def object(self, name: str) -> Fields | None:
        """Read an object; None where there is a problem."""
        value = self._known(name, dict, "an object")
        return None if value is None else Fields(value, self._path(name), self.problems)

    def objects(self, name: str, most: int) -> Iterator[Fields]:
        """Read a list of objects, at least one.

        :param most: so many are read.
        """
        values = self._known(name, list, "a list")
        if values is None:
            return
        if not 0 < len(values) <= most:
            self.complain(name, f"This has {len(values):,} entries; it must be 1 to {most:,}.")
            return
        for number, value in enumerate(values):
            place = f"{name}[{number}]"
            if isinstance(value, _Object):
                yield Fields(value, self._path(place), self.problems)
            else:
                self.complain(place, f"This must be an object, not {_kind_of(value)}.")

    def _path(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def _known(self, name: str, kind: type, wanted: str) -> Any:
        value = self._values.get(name)
        if value is None:
            self.complain(name, f"This is missing; it must be {wanted}.")
        elif not isinstance(value, kind) or isinstance(value, bool):
            self.complain(name, f"This must be {wanted}, not {_kind_of(value)}.")
        else:
            return value
        return None


def read_fields(body: bytes) -> Fields:
    """Read the one object that a body must be.

    :raises ProblemsError: if it is not UTF-8, not JSON, or something else than an object.
    """
    try:
        made = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_int=_whole,
        )
    except UnicodeDecodeError as error:
        problem = Problem(f"This is not UTF-8: byte {error.start} cannot be there.", "body")
    except json.JSONDecodeError as error:
        problem = Problem(f"This is not JSON: {error.msg}.", "body", error.lineno, error.colno)
    except ValueError as error:
        problem = Problem(f"This is not JSON: {error}.", "body")
    except RecursionError:
        problem = Problem("This is nested too deeply.", "body")
    else:
        if isinstance(made, _Object):
            return Fields(made, "", [])
        problem = Problem(f"This must be an object, not {_kind_of(made)}.", "body")
    raise ProblemsError([problem])


def _kind_of(value: object) -> str:
    return next((words for kind, words in _KINDS if isinstance(value, kind)), "null")
