"""What a preheat policy of Harbor's truly says, and what keeps Harbor from ever running it.

Harbor checks filters only when the policy runs, and then answers with a masked 500 (recorded:
preheat-policy-run-bad-filter-type); so a stored policy may hold anything.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from preheat.harbor.preheating import PreheatPolicy

__all__ = ["HarborPolicy", "read_policy"]

_TEXTS = ("repository", "tag", "label")
_OVERRIDDEN = ("signature", "vulnerability")


@dataclass(frozen=True, slots=True)
class HarborPolicy:
    """One policy, read.

    :param provider_id: id of the provider instance.
    :param patterns: by filter type the texts of those that Harbor evaluates; all must match.
    :param overridden: filter types that Harbor throws away (harbor: overrideSecuritySettings).
    :param broken: why Harbor cannot run it, or why it never selects anything.
    :param trigger: ``manual``, ``scheduled``, ``event_based``, or what else it says.
    :param cron: six fields, the first of them seconds.
    :param cluster_ids: Dragonfly's scheduler clusters; empty for all.
    """

    project: str
    name: str
    description: str = ""
    enabled: bool = True
    provider_id: int = 0
    provider_name: str = ""
    patterns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    overridden: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    trigger: str = "manual"
    cron: str = ""
    scope: str = ""
    cluster_ids: tuple[int, ...] = ()


def read_policy(project: str, told: PreheatPolicy) -> HarborPolicy:
    """Read one policy of the API's."""
    broken: list[str] = []
    trigger = _object(told.trigger, "trigger", broken)
    settings = trigger.get("trigger_setting")
    extra = _object(told.extra_attrs, "extra_attrs", broken) if told.extra_attrs else {}
    patterns, overridden = _filters(told.filters, broken)
    return HarborPolicy(
        project,
        told.name,
        told.description,
        told.enabled,
        told.provider_id,
        told.provider_name,
        patterns,
        overridden,
        cluster_ids=tuple(_ids(extra.get("cluster_ids"), broken)),
        trigger=str(trigger.get("type", "")),
        cron=str(settings.get("cron") or "") if isinstance(settings, dict) else "",
        scope=str(extra.get("scope") or told.scope or ""),
        broken=tuple(broken),
    )


def _filters(text: str, broken: list[str]) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
    patterns: dict[str, list[str]] = defaultdict(list)
    overridden: list[str] = []
    for entry in _list(text, "filters", broken):
        kind = entry.get("type") if isinstance(entry, dict) else None
        value = entry.get("value") if isinstance(entry, dict) else None
        if kind in _OVERRIDDEN:
            overridden.append(f"{kind} {json.dumps(value)}")
        elif kind not in _TEXTS:
            broken.append(
                f"the filter type {kind!a} is unknown to Harbor, which fails; it is left out here"
            )
        elif not isinstance(value, str):
            broken.append(f"the filter {kind} is no text: Harbor fails; it is left out here")
        else:
            patterns[kind].append(value)
    return {kind: tuple(values) for kind, values in patterns.items()}, tuple(overridden)


def _ids(value: object, broken: list[str]) -> Iterator[int]:
    for entry in value if isinstance(value, list) else ():
        if isinstance(entry, int) and not isinstance(entry, bool) and entry > 0:
            yield entry
        else:
            broken.append(f"cluster_ids holds {entry!a}, which is no scheduler cluster")


def _object(text: str, name: str, broken: list[str]) -> dict[str, Any]:
    found = _json(text, name, broken)
    return found if isinstance(found, dict) else {}


def _list(text: str, name: str, broken: list[str]) -> list[Any]:
    found = _json(text, name, broken)
    return found if isinstance(found, list) else []


def _json(text: str, name: str, broken: list[str]) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        broken.append(f"{name} is no JSON, without which Harbor does not run it")
        return None
