"""The reference of the language, ``docs/reference/policy.md``, made from the language itself.

``python -m preheat.policy.reference FILE`` writes it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preheat.policy.clusterschema import ClusterFile
from preheat.policy.criteria import CRITERIA
from preheat.policy.jsonschema import example_of, make_schema
from preheat.policy.meanings import DISPOSITIONS, REASONS
from preheat.policy.schema import PolicyFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from preheat.policy.fields import Strict
    from preheat.policy.part import Part

__all__ = ["write_reference"]

_HEAD = """\
<!-- Made by `make reference` from src/preheat/policy. Change it there. -->
# Reference of the policy file

Every key of a policy and of the clusters file. How the parts play together, and what is meant by
*newest*, *age* and *budget*, is in [The policy language](../policy.md); whole files to start from
are in the [guide](../guide.md). Editors know all this from `include/policies/policy.schema.json`.

Unknown keys are refused. A key in **bold** must be written.
"""
_REASONS = """\
## Why an image is in or out

Every candidate of a plan has at least one reason. `preheat explain IMAGE` shows all of them, with
the line of the policy that decided.
"""
_DISPOSITIONS = """\
## What becomes of a selected image

For each cluster, a plan says what happens now.
"""
_SHARED = {"MatcherSpec": "A matcher", "WindowSpec": "A window"}
"""Maps that stand in several places."""


def write_reference() -> str:
    """Give the whole page."""
    return "\n".join([
        _HEAD,
        *_Chapter(PolicyFile, "The policy file").texts(),
        *_Chapter(ClusterFile, "The clusters file").texts(),
        _REASONS,
        _table(("Code", "Meaning"), ((f"`{code}`", text) for code, text in REASONS.items())),
        _DISPOSITIONS,
        _table(("Word", "Meaning"), ((f"`{word}`", text) for word, text in DISPOSITIONS.items())),
    ])


class _Chapter:
    """One file: a section for each map, in the order of the keys."""

    def __init__(self, model: type[Strict], title: str) -> None:
        self._schema = make_schema(model)
        self._title = title
        self._parts = {part.key: part for part in CRITERIA}
        self._leads: dict[str, str] = {}
        self._headings = dict(self._walk(self._schema, ""))

    def texts(self) -> Iterator[str]:
        """Give the sections."""
        yield f"## {self._title}\n"
        yield self._keys(self._schema)
        shared: list[str] = []
        for name, path in self._headings.items():
            if name.startswith("spec."):
                yield self._section(path, "", {}, self._parts[path])
            elif name in _SHARED:
                shared.append(name)
            else:
                part = self._parts.get(path)
                yield self._section(path, self._leads[name], self._schema["$defs"][name], part)
        for name in shared:
            yield self._section(_SHARED[name], self._leads[name], self._schema["$defs"][name], None)

    def _walk(self, schema: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
        """Find every map with the path it first stands at; keys that are criteria by their path."""
        for key, value in schema.get("properties", {}).items():
            place = f"{path}.{key}" if path else key
            is_list = value.get("type") == "array"
            name = _named(value["items"] if is_list else value)
            found = self._schema["$defs"].get(name, {})
            if "properties" in found:
                place = f"{place}[]" if is_list else place
                lead = value if name not in _SHARED else found
                self._leads.setdefault(name, lead.get("description", ""))
                yield name, place
                yield from self._walk(found, place)
            elif place in self._parts:
                yield place, place

    def _section(self, title: str, lead: str, schema: Mapping[str, Any], part: Part | None) -> str:
        shown = title if title in _SHARED.values() else f"`{title}`"
        texts = [f"### {shown}\n"]
        if part:
            texts += [_prose(part), f"```yaml\n{example_of(part)}```\n"]
        else:
            texts.append(f"{lead}\n")
        if schema:
            texts.append(self._keys(schema))
        if part and part.codes:
            rows = ((f"`{code}`", REASONS[code]) for code in part.codes)
            texts.append(_table(("Reason", "Meaning"), rows))
        return "\n".join(texts)

    def _keys(self, schema: Mapping[str, Any]) -> str:
        required = schema.get("required", ())
        rows = (
            (
                f"**`{key}`**" if key in required else f"`{key}`",
                self._kind(value),
                _default(value),
                value.get("description") or self._target(value).get("description", ""),
            )
            for key, value in schema["properties"].items()
        )
        return _table(("Key", "Value", "Default", "Meaning"), rows)

    def _target(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._schema["$defs"].get(_named(value), value)
        return found

    def _kind(self, value: Mapping[str, Any]) -> str:
        """Say in a few words how a value is written."""
        name, value = _named(value), self._target(value)
        if name in self._headings:
            title = _SHARED.get(name, self._headings[name])
            return f"[{'matcher' if name == 'MatcherSpec' else 'map'}](#{_anchor(title)})"
        if value.get("type") == "array":
            kind = self._kind(value["items"])
            return f"list, {kind}" if kind.startswith("such") else f"list of {kind}"
        if value.get("type") == "object":
            return "map of text"
        return _scalar(value)


def _scalar(value: Mapping[str, Any]) -> str:
    if "const" in value or "enum" in value:
        words = [f"`{word}`" for word in value.get("enum", [value.get("const")])]
        return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
    if value.get("type") == "boolean":
        return "`true` or `false`"
    if value.get("type") == "integer":
        low, high = value.get("minimum"), value.get("maximum")
        return f"{low} to {high}" if high is not None else f"whole number, at least {low}"
    example = next(iter(value.get("examples", [])), None)
    return f"such as `{value.get('default') or example}`" if example else "text"


def _default(value: Mapping[str, Any]) -> str:
    if "default" not in value:
        return ""
    default = value["default"]
    shown = f"[{', '.join(default)}]" if isinstance(default, list) else str(default)
    return f"`{shown.lower() if isinstance(default, bool) else shown}`"


def _named(value: Mapping[str, Any]) -> str:
    return str(value.get("$ref", "")).rpartition("/")[2]


def _prose(part: Part) -> str:
    """Give a criterion's docstring without its example, as Markdown."""
    text, _, _ = part.doc.partition("\n::\n")
    return text.strip().replace("``", "`") + "\n"


def _anchor(title: str) -> str:
    """Give the id that GitHub and mkdocs make of a heading."""
    return re.sub(r"[^a-z0-9 _-]", "", title.lower()).replace(" ", "-")


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = (head, ("---",) * len(head), *rows)
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(write_reference(), encoding="utf-8")
