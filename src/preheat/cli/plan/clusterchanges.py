"""What changed of the clusters that a policy uses, told like settings of the policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic.alias_generators import to_camel

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from preheat.plan import Plan

__all__ = ["cluster_changes"]


def cluster_changes(before: Plan, after: Plan) -> Iterator[tuple[str, object, object]]:
    """Give path, value then and value now, of everything that differs in ``clusters.yaml``.

    Beside it which clusters are used, by whatever change: targets, labels, clusters that came.
    """
    old, new = _clusters(before), _clusters(after)
    if old.keys() != new.keys():
        yield "clusters", [*old], [*new]
    for name in sorted(old.keys() & new.keys()):
        was, now = dict(_values(old[name])), dict(_values(new[name]))
        for path in dict.fromkeys((*was, *now)):
            if was.get(path) != now.get(path):
                yield f"clusters.{name}.{path}", was.get(path), now.get(path)


def _clusters(plan: Plan) -> dict[str, Mapping[str, object]]:
    return {str(cluster["name"]): cluster for cluster in plan.clusters}


def _values(cluster: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Walk an entry as the file has it: maps by their keys, lists whole."""
    for name, value in cluster.items():
        key = to_camel(name)
        if isinstance(value, dict):
            is_ours = name == "hosts"
            for inner, each in value.items():
                yield f"{key}.{to_camel(inner) if is_ours else inner}", _plain(each)
        else:
            yield key, _plain(value)


def _plain(value: object) -> object:
    return [*value] if isinstance(value, tuple) else value
