"""Maps that must hold one key of several, and hold more: told whatever else is wrong in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preheat.policy.fields import ONE_KEY, Strict
from preheat.policy.problems import inner_model, problem_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from preheat.errors import Problem
    from preheat.policy.yamltext import Document, Path

__all__ = ["crowded_maps"]


def crowded_maps(root: type[Strict], document: Document, source: str) -> Iterator[Problem]:
    """Walk a document along its models; the models tell of which keys only one may stand.

    Pydantic would say so only once each key is right for itself.
    """
    for path, keys in _walk(root, document.data, ()):
        listed = f"{', '.join(keys[:-1])} and {keys[-1]}"
        yield problem_at(document, source, path, f"Write exactly one of {listed}.")


def _walk(
    model: type[Strict] | None, data: object, path: Path
) -> Iterator[tuple[Path, tuple[str, ...]]]:
    if isinstance(data, list):
        for index, entry in enumerate(data):
            yield from _walk(model, entry, (*path, index))
    elif isinstance(data, dict) and model is not None:
        keys = _choice(model)
        if sum(key in data for key in keys) > 1:
            yield path, keys
        for name, field in model.model_fields.items():
            key = field.alias or name
            if key in data:
                yield from _walk(inner_model(field.annotation), data[key], (*path, key))


def _choice(model: type[Strict]) -> tuple[str, ...]:
    """Tell the keys of which one must stand, as the JSON Schema does; none for most maps."""
    extra = model.model_config.get("json_schema_extra")
    if not isinstance(extra, dict):
        return ()
    if extra == ONE_KEY:
        return tuple(field.alias or name for name, field in model.model_fields.items())
    ways = extra.get("oneOf")
    found = (
        (way.get("required") for way in ways if isinstance(way, dict))
        if isinstance(ways, list)
        else ()
    )
    return tuple(str(keys[0]) for keys in found if isinstance(keys, list))
