"""Listing artifacts of a project or repository: Harbor's filters, at any size.

Source: harbor: src/pkg/artifact/dao/dao.go. Keyset pages by id and the default order are cut from
sorted indexes; anything else scans.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from preheat.sandbox.harbor.errors import bad_request
from preheat.sandbox.harbor.query import Column, Every, Fuzzy, OneOf, Range, read_int
from preheat.sandbox.harbor.recipes import IndexRecipe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from preheat.sandbox.harbor.query import Query, Value
    from preheat.sandbox.harbor.rows import Artifact, ArtifactIndex
    from preheat.sandbox.harbor.state import HarborState

__all__ = ["list_artifacts"]

DEFAULT_SORT: Final = ("-push_time", "-id")
NEVER: Final = datetime.min.replace(tzinfo=UTC)


def _attributes(artifact: Artifact) -> str:
    recipe = artifact.recipe
    known = None if isinstance(recipe, IndexRecipe) else recipe.config.attributes
    return msgspec.json.encode(known).decode()


COLUMNS: Final = {
    "id": Column("int", lambda a: a.id),
    "type": Column("str", lambda a: a.type),
    "media_type": Column("str", lambda a: a.media_type),
    "manifest_media_type": Column("str", lambda a: a.recipe.media_type),
    "artifact_type": Column("str", lambda a: a.artifact_type),
    "project_id": Column("int", lambda a: a.repository.project.id),
    "repository_id": Column("int", lambda a: a.repository.id),
    "repository_name": Column("str", lambda a: a.repository.name),
    "digest": Column("str", lambda a: a.digest),
    "size": Column("int", lambda a: a.size),
    "push_time": Column("time", lambda a: a.push_time),
    "pull_time": Column("time", lambda a: a.pull_time or NEVER),
    "extra_attrs": Column("str", _attributes),
}


def list_artifacts(
    state: HarborState, index: ArtifactIndex, query: Query
) -> tuple[list[Artifact], int]:
    """Give one page of artifacts and the total.

    :raises HarborError: 400 for filters that Harbor refuses.
    """
    criteria = dict(query.criteria)
    everything = criteria.pop("base", None) == "*"
    tests = _special(criteria)
    low, high = _id_bounds(criteria)
    sorts = tuple(query.sorts(COLUMNS, DEFAULT_SORT))
    with state.lock:
        ids: Sequence[int] = index.everything if everything else index.visible
        plain = not (tests or set(criteria) & set(COLUMNS) or any("__" in key for key in criteria))
        if plain and sorts[0] in {"id", "-id"}:
            return _page_by_id(state, ids, (low, high), query, descending=sorts[0] == "-id")
        if plain and not everything and sorts == DEFAULT_SORT and (low, high) == (0, None):
            return _page_by_push(state, index, query)
        span = ids[bisect_left(ids, low) : _end(ids, high)]
        rows = [state.artifacts[key] for key in span]
        rows = [row for row in rows if all(test(row) for test in tests)]
        return _rest(query, criteria).select(rows, COLUMNS, DEFAULT_SORT)


def _rest(query: Query, criteria: dict[str, Value]) -> Query:
    return type(query)(criteria, query.sort, query.page, query.size)


def _end(ids: Sequence[int], high: int | None) -> int:
    return len(ids) if high is None else bisect_right(ids, high)


def _page_by_id(
    state: HarborState,
    ids: Sequence[int],
    bounds: tuple[int, int | None],
    query: Query,
    *,
    descending: bool,
) -> tuple[list[Artifact], int]:
    first, last = bisect_left(ids, bounds[0]), _end(ids, bounds[1])
    start, end = query.slice(max(last - first, 0))
    cut = ids[last - end : last - start][::-1] if descending else ids[first + start : first + end]
    return [state.artifacts[key] for key in cut], max(last - first, 0)


def _page_by_push(
    state: HarborState, index: ArtifactIndex, query: Query
) -> tuple[list[Artifact], int]:
    total = len(index.by_push)
    start, end = query.slice(total)
    cut = index.by_push[total - end : total - start][::-1]
    return [state.artifacts[key] for _, key in cut], total


def _id_bounds(criteria: dict[str, Value]) -> tuple[int, int | None]:
    """Take the bounds on the id out of the criteria, so that they can be bisected."""
    low, high = 0, None
    match criteria.get("id"):
        case Range(least, most):
            del criteria["id"]
            low = read_int(least) if least else 0
            high = read_int(most) if most else None
    for key, shift in (("id__gt", 1), ("id__gte", 0)):
        value = criteria.get(key)
        if isinstance(value, str):
            del criteria[key]
            low = max(low, read_int(value) + shift)
    return low, high


def _special(criteria: dict[str, Value]) -> list[Callable[[Any], bool]]:
    """Take the keys that only artifacts have out of the criteria and build their tests."""
    tests = []
    if "tags" in criteria:
        tests.append(_tags_test(criteria.pop("tags")))
    if "labels" in criteria:
        tests.append(_labels_test(criteria.pop("labels")))
    return tests


def _tags_test(value: Value) -> Callable[[Any], bool]:
    match value:
        case "*":
            return lambda artifact: bool(artifact.tags)
        case "nil":
            return lambda artifact: not artifact.tags
        case str():
            return lambda artifact: any(tag.name == value for tag in artifact.tags)
        case Fuzzy(text):
            return lambda artifact: any(text in tag.name for tag in artifact.tags)
        case Range() | OneOf() | Every():
            raise bad_request(
                'the value of "tags" query can only be fuzzy match value or exact match value'
            )


def _labels_test(value: Value) -> Callable[[Any], bool]:
    refused = bad_request(
        'the value of "labels" query can only be integer list with intersetion relationship'
    )
    if not isinstance(value, Every):
        raise refused
    try:
        wanted = {int(member) for member in value.values}
    except ValueError:
        raise refused from None
    return lambda artifact: wanted <= {label.id for label in artifact.labels}
