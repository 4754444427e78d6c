"""The steps of an explanation, for people and for machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from preheat.cli.console import plain
from preheat.explaining import Outcome
from preheat.plan import Disposition, ReasonCode
from preheat.policy.windows import OnClosed
from preheat.recounting import ended, joined_reasons, selected_words

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from rich.console import Console

    from preheat.explaining import Explanation, RuleTrace, Step
    from preheat.placement import PlacementKey
    from preheat.plan import PlannedPlacement, Reason
    from preheat.policy.folder import PolicyEntry
    from preheat.policy.model import Policy

__all__ = ["print_steps", "sentences", "steps_data"]

_VERDICTS = {
    Outcome.PASS: ("pass", "green"),
    Outcome.FAIL: ("FAIL", "bold red"),
    Outcome.NOT_REACHED: ("-", "dim"),
}
_LATER = {
    Disposition.ALREADY_WARM: "is already warm on",
    Disposition.NEXT_RUN: "waits for the next run on",
    Disposition.DRY_RUN: "is only planned on",
    Disposition.OVER_BUDGET: "is over the budget of",
}
_CLOSED = {
    OnClosed.WAIT: "It waits for the window on {}",
    OnClosed.SKIP: "It is left out while the window is closed, on {}",
    OnClosed.FAIL: "The run fails for it, because the window is closed, on {}",
}
_BLOCK = 6  # lines of a key's value that are shown


def print_steps(console: Console, found: Explanation, entry: PolicyEntry) -> None:
    """Print every step of every rule in order, each with the lines of the file that decide."""
    lines = entry.text.splitlines()
    for trace in found.rules:
        if trace.rule:
            console.print(Text(f"rule {trace.rule}", "bold"), soft_wrap=True)
        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=4)
        grid.add_column(min_width=12, no_wrap=True)
        grid.add_column(overflow="fold")
        for step in trace.steps:
            _add_step(grid, step, entry.path.name, lines)
        console.print(Padding.indent(grid, 2))


def _add_step(grid: Table, step: Step, file: str, lines: Sequence[str]) -> None:
    verdict, style = _VERDICTS[step.outcome]
    if step.outcome is Outcome.NOT_REACHED:
        grid.add_row(Text(verdict, style), Text(step.name, style), Text("not reached", style))
        return
    code = f"{step.code}: " if step.code else ""
    grid.add_row(Text(verdict, style), step.name, plain(f"{code}{step.detail}"))
    if step.line and step.line <= len(lines):
        place = f"{file}:"
        for number, text in _block(lines, step.line):
            grid.add_row("", "", Text(f"{place}{number}  {text}", "dim"))
            place = ""


def _block(lines: Sequence[str], number: int) -> Iterator[tuple[int, str]]:
    """Give a line as it stands, and the first of those below it where it is only a key."""
    first = lines[number - 1]
    depth = len(first) - len(first.lstrip())
    yield number, plain(first.strip())
    if not first.partition(" #")[0].rstrip().endswith(":"):
        return
    for below, line in enumerate(lines[number : number + _BLOCK], start=number + 1):
        if not line.strip() or len(line) - len(line.lstrip()) <= depth:
            return
        if not line.lstrip().startswith("#"):
            yield below, plain(line[depth:].rstrip())


def steps_data(found: Explanation, entry: PolicyEntry | None = None) -> list[dict[str, Any]]:
    """Give the steps of every rule as plain data.

    :param entry: the policy, to tell the text of its lines.
    """
    lines = entry.text.splitlines() if entry else []
    return [_trace_data(trace, lines) for trace in found.rules]


def _trace_data(trace: RuleTrace, lines: Sequence[str]) -> dict[str, Any]:
    steps = [
        {
            "name": step.name,
            "outcome": step.outcome.value,
            "code": step.code.value if step.code else None,
            "detail": step.detail,
            "line": step.line,
            "text": lines[step.line - 1] if step.line and step.line <= len(lines) else "",
        }
        for step in trace.steps
    ]
    return {"rule": trace.rule, "line": trace.line, "takes": trace.takes, "steps": steps}


def sentences(
    name: str, found: Explanation, policy: Policy, doubtful: Collection[PlacementKey]
) -> Iterator[str]:
    """Say in plain words what becomes of an image, and why.

    :param name: the image as the person named it.
    :param doubtful: placements that are over the budget only at most.
    """
    if not any(decision.selected for decision in found.decisions):
        yield ended(f"{name} is not selected by {policy.name} because {_why_not(found)}")
        return
    for decision in found.decisions:
        of = f" for {decision.platform}" if decision.platform else ""
        if decision.selected:
            yield selected_words(name, policy.name, decision)
            yield from (
                f"Tags {alias.detail}."
                for alias in decision.reasons[1:]
                if alias.code is ReasonCode.SAME_DIGEST_AS
            )
            yield from _places(policy, found.placements, decision.platform, doubtful)
        else:
            yield ended(f"It is not warmed{of}: {decision.reasons[0].detail}")


def _why_not(found: Explanation) -> str:
    """Join the failures: one for each rule, the rule that came furthest first."""
    reasons = [reason for decision in found.decisions[:1] for reason in decision.reasons]
    if not reasons:
        failed = (s for t in found.rules for s in t.steps if s.outcome is Outcome.FAIL)
        return next((step.detail for step in failed), "the policy does not look at it")
    details = [_detail(reason, found) for reason in reasons]
    return joined_reasons(reasons, details)


def _detail(reason: Reason, found: Explanation) -> str:
    before = found.before.get(reason.rule)
    if reason.code is not ReasonCode.NOT_NEWEST or not before:
        return reason.detail
    return f"{reason.detail}; {' and '.join(before)} {_come(before)} first"


def _come(names: Sequence[str]) -> str:
    return "comes" if len(names) == 1 else "come"


def _places(
    policy: Policy,
    placements: Sequence[PlannedPlacement],
    platform: str,
    doubtful: Collection[PlacementKey],
) -> Iterator[str]:
    mine = [planned for planned in placements if planned.key.platform == platform]
    now = [p for p in mine if p.disposition is Disposition.ASK]
    if now:
        where = ", ".join(f"{p.key.cluster} ({_scope(p)})" for p in now)
        yield f"It is asked for on {where}."
    for planned in mine:
        if planned.disposition is not Disposition.ASK:
            detail = f": {planned.detail}" if planned.detail else ""
            where = _later(policy, planned, doubtful=planned.key in doubtful)
            yield ended(f"{where}{detail}")
    if not mine:
        yield "It goes to no cluster: none of those that the policy targets runs that platform."


def _later(policy: Policy, planned: PlannedPlacement, *, doubtful: bool) -> str:
    """Say what becomes of what is not asked for now."""
    cluster = planned.key.cluster
    if planned.disposition is Disposition.WINDOW_CLOSED and policy.windows:
        return _CLOSED[policy.windows.on_closed].format(cluster)
    verb = _LATER[planned.disposition]
    if doubtful:
        verb = f"may be {verb.removeprefix('is ')}"
    return f"It {verb} {cluster}"


def _scope(planned: PlannedPlacement) -> str:
    scope = planned.key.scope.value.replace("_", " ")
    return f"{scope}, {planned.key.peers}" if planned.key.peers else scope
