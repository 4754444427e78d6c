"""JSON Schema of the two files, for editors: completion, hints and red lines while one types.

The loader is stricter: it also knows clusters, patterns and what must agree with what. What the
schema refuses, the loader refuses too.
"""

from __future__ import annotations

import json
import re
from datetime import timedelta
from enum import Enum
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import yaml
from pydantic.json_schema import GenerateJsonSchema

from preheat.demand import MinHosts
from preheat.policy.clusterschema import ClusterFile
from preheat.policy.criteria import CRITERIA
from preheat.policy.fields import SCALAR, Strict
from preheat.policy.schema import PolicyFile
from preheat.policy.units import format_duration

if TYPE_CHECKING:
    from pydantic_core import core_schema

    from preheat.policy.part import Part

__all__ = ["FILES", "example_of", "make_schema", "typed", "write_schema"]

FILES: dict[str, type[Strict]] = {
    "policies/policy.schema.json": PolicyFile,
    "clusters.schema.json": ClusterFile,
}
"""Where the schemas lie in ``include/``."""

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SOURCE_OF_A_FACT = re.compile(r"\s+\((harbor|dragonfly): [^)]*\)")
_MAPS = {"properties", "$defs", "patternProperties"}
_KEYWORDS = {"ge": "minimum", "le": "maximum"}


class _Generator(GenerateJsonSchema):
    """Writes text and defaults as they stand in the YAML file."""

    def str_schema(self, schema: core_schema.StringSchema) -> dict[str, Any]:
        """Text may look like a number or a flag to an editor."""
        return {**super().str_schema(schema), "type": SCALAR}

    def encode_default(self, dft: Any) -> Any:
        """Give a default as it would be written, None where there is nothing to write."""
        if isinstance(dft, timedelta):
            return format_duration(dft)
        if isinstance(dft, MinHosts):
            return str(dft)
        if isinstance(dft, Strict) or dft in ("", (), {}):
            return None
        return dft.value if isinstance(dft, Enum) else super().encode_default(dft)


class _Typed(yaml.SafeLoader):
    """Reads scalars as YAML 1.2 types them, which editors follow: no dates, no ``yes``."""


_Typed.yaml_implicit_resolvers = {}
_NUMBER = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
_TYPES = {"null": r"~|null|Null|NULL|", "bool": r"true|True|TRUE|false|False|FALSE"}
for _name, _form in (*_TYPES.items(), ("int", r"[-+]?[0-9]+"), ("float", _NUMBER.pattern)):
    _Typed.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(f"({_form})$"), None)


def typed(text: str) -> Any:
    """Read YAML as an editor does, to be checked by the schema."""
    return yaml.load(text, _Typed)  # noqa: S506 - a SafeLoader


def example_of(part: Part) -> str:
    """Give the YAML example of a criterion's docstring."""
    _, _, block = part.doc.partition("\n::\n")
    return dedent(block).strip() + "\n"


def make_schema(model: type[Strict]) -> dict[str, Any]:
    """Give the JSON Schema of a file."""
    made: dict[str, Any] = _tidy(model.model_json_schema(schema_generator=_Generator))
    for part in CRITERIA:
        name = part.spec.__name__ if part.spec else ""
        if name in made["$defs"]:
            value = typed(example_of(part))[part.key.removesuffix("[]").rpartition(".")[2]]
            made["$defs"][name]["examples"] = value if isinstance(value, list) else [value]
    return {"$schema": _DIALECT, **made}


def write_schema(model: type[Strict]) -> str:
    """Give the text of the schema file."""
    return json.dumps(make_schema(model), indent=2, ensure_ascii=False) + "\n"


def _tidy(schema: Any) -> Any:
    """Drop what tells a reader nothing, and nulls: a key without a value is refused."""
    if isinstance(schema, list):
        return [_tidy(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made: dict[str, Any] = {
        _KEYWORDS.get(str(key), str(key)): _named(value) if key in _MAPS else _tidy(value)
        for key, value in schema.items()
        if not _is_noise(key, value)
    }
    return _worded(_without_null(made))


def _named(schemas: dict[str, Any]) -> dict[str, Any]:
    return {name: _tidy(schema) for name, schema in schemas.items()}


def _is_noise(key: str, value: object) -> bool:
    return key == "title" or (key == "default" and value is None)


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    choices = [part for part in schema.get("anyOf", ()) if part != {"type": "null"}]
    if len(choices) != 1 or len(choices) == len(schema.get("anyOf", ())):
        return schema
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    return {**choices[0], **rest}


def _worded(schema: dict[str, Any]) -> dict[str, Any]:
    """Write the first paragraph without reST marks, and the bounds that a pattern cannot tell."""
    between = schema.pop("between", None)
    first, _, _ = _SOURCE_OF_A_FACT.sub("", str(schema.get("description", ""))).partition("\n\n")
    words = " ".join(first.split()).replace("``", "`")
    if between:
        words = f"{words} From {between[0]} to {between[1]}.".strip()
    if words:
        schema["description"] = words
    return schema
