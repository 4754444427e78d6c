"""The words that a plan is told in, on a terminal and in a comment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preheat.cli.plan.changes import Status
from preheat.cli.times import event_words
from preheat.plan import Disposition
from preheat.policy.placing import label_of
from preheat.policy.units import format_size
from preheat.rendering import count_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from preheat.cli.plan.changes import PolicyChange, Setting
    from preheat.cli.plan.made import Made
    from preheat.cli.plan.revision import Revision
    from preheat.placement import PlacementKey
    from preheat.plan import Decision, PlannedPlacement, Reason

__all__ = [
    "against_line",
    "budget_lines",
    "candidate_name",
    "counts_line",
    "head_lines",
    "place_text",
    "reason_text",
    "setting_text",
    "signed_size",
    "size_text",
    "summary_line",
]


def head_lines(made: Made) -> list[str]:
    """Say what the policy is for, when it runs, and whether it may now."""
    policy, upcoming, window = made.policy, made.next_run, made.window
    lines = [policy.description] if policy.description else []
    when = [f"Evaluated at {made.plan.evaluated_at:%Y-%m-%d %H:%M %Z}"]
    if policy.suspend:
        when.append("suspended: it does not run by itself")
    elif upcoming is not None:
        when.append(f"runs next on {upcoming:%a %d %b at %H:%M %Z}")
    if events := event_words(policy):
        when.append(f"runs {events}")
    lines.append(f"{'; '.join(when)}.")
    if window is not None:
        lines.append(f"The window is {'open' if window.open else 'closed'}: {window.detail}.")
    return lines


def counts_line(made: Made) -> str:
    """Count the candidates by their deciding reason, most frequent first."""
    counts = sorted(made.plan.counts().items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{code} {count}" for code, count in counts) or "none"


def budget_lines(made: Made) -> list[str]:
    """Say how much of the budget is used; nothing without one."""
    budget = made.policy.budget
    if budget is None:
        return []
    lines: list[str] = []
    if budget.max_images is not None:
        most = count_of(budget.max_images, "image")
        lines.append(f"Budget: {count_asked(made)} of {most} a run.")
    total = sum(each.bytes for each in made.plan.bytes.values())
    at_most = made.sizes.at_most
    if budget.per_run_bytes is not None:
        most = size_text(budget.per_run_bytes)
        lines.append(f"Budget: {at_most}{size_text(total)} of {most} a run, over all clusters.")
    if budget.per_cluster_per_day_bytes is not None:
        most = size_text(budget.per_cluster_per_day_bytes)
        for name, each in made.plan.bytes.items():
            before = made.spent.get(name, 0)
            earlier = f" with {size_text(before)} earlier today" if before else ""
            used = size_text(each.bytes + before)
            lines.append(f"Budget: {at_most}{used} of {most} a day on {name}{earlier}.")
    return lines


def count_asked(made: Made) -> int:
    """Count the images to ask for as a budget does: an artifact with all its platforms once."""
    return len({
        (image.registry, image.repository, image.listed)
        for image in made.images
        if any(planned.disposition is Disposition.ASK for planned in image.places)
    })


def size_text(size: int | None) -> str:
    """Write a size; an unknown one as a question mark."""
    return "?" if size is None else format_size(size)


def signed_size(size: int) -> str:
    """Write a difference of sizes with its sign."""
    return f"{'-' if size < 0 else '+'}{format_size(abs(size))}"


def place_text(
    planned: PlannedPlacement,
    doubtful: Collection[PlacementKey],
    *,
    joint: str = ": ",
    with_endpoint: bool = False,
) -> str:
    """Say where a placement goes: cluster, scope, and what becomes of it if it is not asked for.

    :param doubtful: those that are over the budget only at most.
    :param with_endpoint: whether to say where its nodes pull from.
    """
    text = f"{planned.key.cluster} {planned.key.scope.value}"
    if planned.key.peers:
        text += f" ({planned.key.peers})"
    if with_endpoint:
        text += f" by {planned.key.pull_endpoint}"
    if planned.disposition is Disposition.ASK:
        return text
    doubt = "may be " if planned.key in doubtful else ""
    return f"{text}{joint}{doubt}{planned.disposition.words}"


def reason_text(reason: Reason, *, code: bool = False) -> str:
    """Say a reason with its rule and line."""
    text = f"{reason.code}: {reason.detail}" if code else reason.detail
    rule = f"{reason.rule}: " if reason.rule else ""
    line = f" (line {reason.line})" if reason.line else ""
    return f"{rule}{text}{line}"


def candidate_name(decision: Decision) -> str:
    """Name a candidate by its first tag, with its platform where that decided."""
    return label_of(decision.repository, decision.tags, decision.digest, decision.platform)


def against_line(revision: Revision) -> str:
    """Say what a change is compared with, and whether that is older than what was named."""
    if revision.commit == revision.tip:
        return f"{revision.ref} ({revision.commit})"
    return f"{revision.ref} as it was when HEAD left it ({revision.commit}; now {revision.tip})"


def summary_line(change: PolicyChange) -> str:
    """Say how many placements came, went and stayed, and how many bytes that is."""
    if change.status is Status.BROKEN:
        return "has problems, and selects nothing"
    added = sum(len(each.added) for each in change.images)
    removed = sum(len(each.removed) for each in change.images)
    figures = f"{added} added, {removed} removed, {change.kept} unchanged"
    status = f"{change.status.value} policy, " if change.status is not Status.CHANGED else ""
    if change.byte_difference:
        figures += f"; {signed_size(change.byte_difference)}"
    return f"{status}{figures}"


def setting_text(setting: Setting) -> str:
    """Say how a setting changed."""
    return f"{setting.path}: {_value(setting.before)} -> {_value(setting.after)}"


def _value(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case list():
            return f"[{', '.join(map(_value, value))}]"
    return str(value)
