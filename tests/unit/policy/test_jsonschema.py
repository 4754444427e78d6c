"""The JSON Schemas say what the loader says, as far as a schema can, and are current."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from preheat.errors import ProblemsError
from preheat.policy.criteria import CRITERIA
from preheat.policy.fields import Strict
from preheat.policy.jsonschema import FILES, example_of, make_schema, typed, write_schema
from preheat.policy.loader import load_clusters, load_policy
from preheat.policy.schema import PolicyFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from preheat.policy.model import Clusters

ROOT = Path(__file__).parents[3]
LANGUAGE = ROOT / "tests" / "data" / "language"
POLICIES = [
    *sorted((ROOT / "include" / "policies").glob("*.yaml")),
    *sorted((LANGUAGE / "policies").glob("*.yaml")),
    ROOT / "tests" / "data" / "policies" / "good.yaml",
]
SHIPPED = [ROOT / "include" / "clusters.yaml", *sorted((ROOT / "include").glob("policies/*.yaml"))]
SCHEMA = Draft202012Validator(make_schema(PolicyFile))
WRONG: list[Any] = ["text", 7, [["text"]], {"surprise": 1}]


@pytest.fixture(scope="module")
def inventory() -> Clusters:
    """Read the clusters that the files of ``tests/data/language`` name."""
    return load_clusters((LANGUAGE / "clusters.yaml").read_text(), "clusters.yaml")


@pytest.mark.parametrize(("name", "model"), FILES.items(), ids=FILES)
def test_the_files_are_current(name: str, model: type[Strict]) -> None:
    """``make schema`` was run after the last change of the language."""
    assert (ROOT / "include" / name).read_text() == write_schema(model)


@pytest.mark.parametrize("model", FILES.values(), ids=FILES)
def test_they_are_schemas_and_their_examples_hold(model: type[Strict]) -> None:
    """Each example that an editor shows is right by the very schema that shows it."""
    schema = make_schema(model)
    Draft202012Validator.check_schema(schema)
    shown = [
        (Draft202012Validator({**part, "$defs": schema["$defs"]}), example)
        for part in parts_of(schema)
        for example in part.get("examples", [])
    ]
    assert len(shown) > 3
    assert [example for validator, example in shown if not validator.is_valid(example)] == []


def parts_of(schema: Any) -> Iterator[dict[str, Any]]:
    """Give every schema within a schema."""
    if isinstance(schema, dict):
        yield schema
        for value in schema.values():
            yield from parts_of(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from parts_of(value)


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.name)
def test_shipped_files_name_their_schema_and_hold(file: Path) -> None:
    """An editor with the YAML language server finds the schema by the first line."""
    text = file.read_text()
    named = text.partition("\n")[0].removeprefix("# yaml-language-server: $schema=")
    assert (file.parent / named).is_file()
    model = FILES[(file.parent / named).relative_to(ROOT / "include").as_posix()]
    assert not list(Draft202012Validator(make_schema(model)).iter_errors(typed(text)))


@pytest.mark.parametrize("file", POLICIES, ids=lambda file: file.name)
def test_what_loads_is_valid(file: Path) -> None:
    """Nobody sees a red line under what the loader takes."""
    told = [error.message for error in SCHEMA.iter_errors(typed(file.read_text()))]
    assert told == []


def test_the_inventory_is_valid() -> None:
    """So for clusters, with every key of them."""
    validator = Draft202012Validator(make_schema(FILES["clusters.schema.json"]))
    assert not list(validator.iter_errors(typed((LANGUAGE / "clusters.yaml").read_text())))


def test_every_key_has_words_for_its_reader() -> None:
    """No key of the language is left without a description."""
    schema = make_schema(PolicyFile)
    maps = {"": schema, **schema["$defs"]}
    bare = [
        f"{name}.{key}"
        for name, found in maps.items()
        for key, value in found.get("properties", {}).items()
        if len(value.get("description") or described(schema, value)) < 5
    ]
    assert bare == []


def described(schema: dict[str, Any], value: dict[str, Any]) -> str:
    """Give the description of what a value refers to: pydantic does not write it twice."""
    name = value.get("$ref", "").rpartition("/")[2]
    return str(schema["$defs"].get(name, {}).get("description", ""))


@pytest.mark.parametrize("part", CRITERIA, ids=lambda part: part.key)
def test_every_criterion_has_an_example(part: Any) -> None:
    """Its last key is the criterion's own."""
    key = part.key.removesuffix("[]").rpartition(".")[2]
    assert list(typed(example_of(part)))[-1] == key


def test_later_keys_are_not_offered() -> None:
    """An editor must not complete a key that the loader refuses."""
    schema = make_schema(PolicyFile)
    for spec in specs_below(PolicyFile):
        found = schema if spec is PolicyFile else schema["$defs"][spec.__name__]
        assert spec.later.isdisjoint(found["properties"])
        assert found["additionalProperties"] is False


def specs_below(spec: type[Strict]) -> set[type[Strict]]:
    """Give all maps of which a file is made."""
    inner = {
        model
        for field in spec.model_fields.values()
        for model in Strict.__subclasses__()
        if model.__name__ in str(field.annotation)
    }
    return {spec}.union(*(specs_below(model) for model in inner))


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Give the path of every map, list and value."""
    yield path
    entries: Any = data.items() if isinstance(data, dict) else ()
    entries = enumerate(data) if isinstance(data, list) else entries
    for key, value in entries:
        yield from places(value, (*path, key))


def mutants(data: Any) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Give copies with one unknown key, or one value of another kind."""
    for number, path in enumerate(places(data)):
        if not path:
            continue
        for wrong in (WRONG[number % 4], WRONG[(number + 1) % 4]):
            changed = deepcopy(data)
            holder = changed
            for key in path[:-1]:
                holder = holder[key]
            holder[path[-1]] = wrong
            yield path, changed
        changed = deepcopy(data)
        value = changed
        for key in path:
            value = value[key]
        if isinstance(value, dict):
            value["surprise"] = "x"
            yield path, changed


@pytest.mark.parametrize("name", ["every-key", "ml-nightly"])
def test_what_the_schema_refuses_the_loader_refuses(name: str, inventory: Clusters) -> None:
    """And what the loader takes, the schema takes: unknown keys and wrong types everywhere."""
    data = typed((LANGUAGE / "policies" / f"{name}.yaml").read_text())
    refused = 0
    for path, changed in mutants(data):
        is_valid = SCHEMA.is_valid(changed)
        refused += not is_valid
        assert loads(changed, name, inventory) <= is_valid, (path, changed)
    assert refused > 150


def loads(data: Any, name: str, clusters: Clusters) -> bool:
    """Whether the loader takes it."""
    try:
        load_policy(yaml.safe_dump(data), f"{name}.yaml", clusters)
    except ProblemsError:
        return False
    return True
