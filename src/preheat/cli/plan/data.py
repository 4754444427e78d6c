"""Plans and differences as plain data: what ``--json`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from preheat.cli.plan.changes import PolicyChange
    from preheat.cli.plan.made import Made, PlannedImage
    from preheat.plan import Decision, PlannedPlacement, Reason

__all__ = ["change_data", "decision_data", "made_data"]


def made_data(made: Made, *, selected: bool, rejected: bool) -> dict[str, Any]:
    """Give one policy's plan.

    :param selected: whether to tell the images.
    :param rejected: whether to tell the candidates that are not warmed.
    """
    plan, policy = made.plan, made.policy
    upcoming, window = made.next_run, made.window
    data: dict[str, Any] = {
        "policy": made.name,
        "file": str(made.file),
        "description": policy.description,
        "owner": policy.owner,
        "suspended": policy.suspend,
        "events": [event.value for event in policy.events],
        "next_run": upcoming.isoformat() if upcoming else None,
        "window": {"open": window.open, "detail": window.detail} if window else None,
        "opens_at": plan.opens_at.isoformat() if plan.opens_at else None,
        "counts": plan.counts(),
        "clusters": {
            name: {
                "images": each.images,
                "bytes": each.bytes,
                "unknown": each.unknown,
                "spent": made.spent.get(name, 0),
            }
            for name, each in plan.bytes.items()
        },
        "sizes": str(made.sizes),
        "budget": _budget(made),
        "over_budget": plan.over_budget,
        "warnings": list(plan.warnings),
        "failures": list(plan.failures),
    }
    if selected:
        data["images"] = [_image(image) for image in made.images]
    if rejected:
        data["rejected"] = [decision_data(decision) for decision in made.rejected]
    return data


def _budget(made: Made) -> dict[str, Any] | None:
    budget = made.policy.budget
    if budget is None:
        return None
    return {
        "max_images": budget.max_images,
        "per_run_bytes": budget.per_run_bytes,
        "per_cluster_per_day_bytes": budget.per_cluster_per_day_bytes,
        "on_exceed": budget.on_exceed.value,
    }


def _image(image: PlannedImage) -> dict[str, Any]:
    return {
        **_name(image),
        "why": _reasons(image.why),
        "places": [_place(planned) for planned in image.places],
    }


def _name(image: PlannedImage) -> dict[str, Any]:
    return {
        "image": image.name,
        "registry": image.registry,
        "repository": image.repository,
        "digest": image.digest,
        "platform": image.platform,
        "tags": list(image.tags),
        "bytes": image.size,
    }


def _place(planned: PlannedPlacement) -> dict[str, Any]:
    return {
        "cluster": planned.key.cluster,
        "pull_endpoint": planned.key.pull_endpoint,
        "scope": planned.key.scope.value,
        "peers": planned.key.peers,
        "disposition": planned.disposition.value,
        "detail": planned.detail,
    }


def decision_data(decision: Decision) -> dict[str, Any]:
    """Give a candidate and the reasons of what was decided about it."""
    return {
        "registry": decision.registry,
        "repository": decision.repository,
        "digest": decision.digest,
        "tags": list(decision.tags),
        "platform": decision.platform,
        "selected": decision.selected,
        "reasons": _reasons(decision.reasons),
    }


def _reasons(reasons: Iterable[Reason]) -> list[dict[str, Any]]:
    return [
        {"code": r.code.value, "detail": r.detail, "rule": r.rule, "line": r.line} for r in reasons
    ]


def change_data(change: PolicyChange) -> dict[str, Any]:
    """Give what changed of one policy."""
    return {
        "policy": change.name,
        "status": change.status.value,
        "images": [
            {
                **_name(each.image),
                "added": [_place(planned) for planned in each.added],
                "removed": [_place(planned) for planned in each.removed],
                "why": _reasons(each.why),
            }
            for each in change.images
        ],
        "added": sum(len(each.added) for each in change.images),
        "removed": sum(len(each.removed) for each in change.images),
        "unchanged": change.kept,
        "clusters": {
            name: {"bytes_before": before, "bytes_after": after}
            for name, (before, after) in change.bytes.items()
        },
        "sizes": str(change.sizes),
        "settings": [
            {"path": each.path, "before": each.before, "after": each.after}
            for each in change.settings
        ],
        "notes": list(change.notes),
        "failures": list(change.failures),
    }
