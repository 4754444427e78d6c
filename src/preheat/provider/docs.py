"""Run docs: what a person on call reads on a DAG's page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from preheat.demand import MinHosts, VerifyMode
from preheat.policy.budget import OnExceed
from preheat.policy.criteria.signature import SignatureGate, Verifier
from preheat.policy.criteria.size import SizeGate
from preheat.policy.criteria.vulnerabilities import OnMissingScan, VulnerabilityGate
from preheat.policy.model import OnPartial
from preheat.policy.units import format_duration, format_size
from preheat.policy.windows import OnClosed
from preheat.rendering import count_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from preheat.errors import Problem
    from preheat.policy.budget import Budget
    from preheat.policy.model import Policy
    from preheat.policy.rule import Gate
    from preheat.policy.windows import Windows

__all__ = ["invalid_doc", "policy_doc"]

_MARKUP = re.compile(r"[\\`*_\[\]<>|~]")
_SHOWN_LENGTH = 200
_POLICY = """\
### {name}

{description}

{limits}

**Inputs:** the policy below, Harbor ({registries}) and the Dragonfly managers of the clusters.

**Safe to re-run?** Yes. What was proved warm less than {fresh} ago is not asked for again; a repeat
fetches nothing that a peer already holds.

**A dry run** (start it with `dry_run`) plans and stops: nothing is asked of any cluster, nobody is
waited for, and `report` is skipped. It works while the policy is suspended too.

**What a green run means:** {green}

**What a red run means:** something of the plan is not warm, or the plan itself may not be. Open the
report's log for the reasons and the table, then the red instances of `track`: each log says what
was asked, what came, what is missing and what to do. Mend it, then clear those instances *with
their downstream*; only what is missing is fetched. Of any other red task its own log says why.

```yaml
{text}
```
"""
_ON_EXCEED = {
    OnExceed.TRIM: "What is beyond it is left out of the run; the report names it.",
    OnExceed.FAIL: "A plan beyond it asks for nothing, and the run is red.",
    OnExceed.ASK: "Beyond it, the task `approve` asks a person, under *Required Actions*. Until "
    "somebody answers, nothing is asked of any cluster and no other run of this policy starts; "
    "without an answer within a day, the run keeps to the budget.",
}
_ON_CLOSED = {
    OnClosed.WAIT: "A run outside waits in `plan` until it opens, then plans anew; until then no "
    "other run of this policy starts.",
    OnClosed.SKIP: "A run outside asks for nothing, and its `report` is skipped.",
    OnClosed.FAIL: "A run outside asks for nothing and is red.",
}
_ON_MISSING_SCAN = {
    OnMissingScan.REJECT: "an image without a successful scan is out",
    OnMissingScan.ALLOW: "an image without a successful scan passes",
    OnMissingScan.WAIT_FOR_SCAN: "an image without a successful scan is out until a later run "
    "finds one",
}
_SIGNATURES = {
    Verifier.HARBOR_ACCESSORY: "a signature of Cosign or Notation",
    Verifier.COSIGN: "a signature of Cosign",
    Verifier.NOTATION: "a signature of Notation",
}


def policy_doc(policy: Policy) -> str:
    """Describe a policy's DAG: when, limits, inputs, re-runs, failures, owner, the policy itself.

    The same policy gives the same text: a text that changes by itself makes a new DAG version.
    """
    return _POLICY.format(
        name=policy.name,
        description=policy.description,
        limits="\n".join(f"- {line}" for line in _limits(policy)),
        registries=", ".join(f"`{name}`" for name in policy.registries),
        fresh=_duration(policy.submit.fresh_for_seconds),
        green=" ".join(_green(policy)),
        text=policy.text.strip().replace("```", "'''"),
    )


def _limits(policy: Policy) -> Iterator[str]:
    """Say in a line each what decides about a run besides the rules."""
    yield f"**Runs** {_when(policy)}."
    yield f"**Owner:** {_escaped(policy.owner) or 'nobody named'}"
    yield f"**Clusters:** {', '.join(policy.cluster_names)}"
    if policy.labels:
        labels = ", ".join(f"{key}: {value}" for key, value in policy.labels.items())
        yield f"**Labels:** {_escaped(labels)}"
    if policy.gates:
        gates = (f"  - **{gate.name}:** {_gate(gate)}" for gate in policy.gates)
        yield "\n".join(["**Gates** that every image must pass, but for pinned ones:", *gates])
    if policy.pins:
        pins = (
            f"  - {_escaped(str(pin))}, until {pin.until} (UTC): {_escaped(pin.reason)}"
            for pin in policy.pins
        )
        yield "\n".join(["**Pinned,** whatever rules and gates say:", *pins])
    if policy.budget:
        yield f"**Budget:** at most {_budget(policy.budget)}. {_ON_EXCEED[policy.budget.on_exceed]}"
    if policy.keep_warm:
        recheck, until = map(format_duration, (policy.keep_warm.recheck, policy.keep_warm.until))
        yield (
            f"**Kept warm** by `preheat_upkeep`: looked at every {recheck}, until {until} after a "
            "run asked for it last"
        )
    if policy.windows:
        yield f"**Only within** {_windows(policy.windows)}. {_ON_CLOSED[policy.windows.on_closed]}"


def _when(policy: Policy) -> str:
    if policy.suspend:
        return "never: it is suspended"
    schedule = policy.schedule
    when = [f"at `{schedule.cron}` ({schedule.timezone})"] if schedule else []
    if policy.events:
        events = ", ".join(event.value for event in policy.events)
        when.append(f"on {events}, in runs of `preheat_events`")
    return "; ".join(when)


def _gate(gate: Gate) -> str:
    match gate:
        case VulnerabilityGate():
            return "; ".join(_vulnerabilities(gate))
        case SignatureGate():
            return f"Harbor shows {_SIGNATURES[gate.verifier]}; who signed is not checked"
        case SizeGate():
            return f"no platform is larger than {format_size(gate.max_per_image)}"
        case _:
            return "see the policy below"


def _vulnerabilities(gate: VulnerabilityGate) -> Iterator[str]:
    yield f"no finding of severity {gate.bar.words}"
    yield _ON_MISSING_SCAN[gate.on_missing]
    if gate.max_report_age is not None:
        yield f"a report older than {format_duration(gate.max_report_age)} does not count"
    for excuse in gate.excuses:
        reason = f" ({_escaped(excuse.reason)})" if excuse.reason else ""
        yield f"{_escaped(excuse.id)} is excused until {excuse.until}{reason}"
    if gate.use_project_allowlist:
        yield "what the project's allowlist in Harbor excuses is excused"


def _budget(budget: Budget) -> str:
    parts = []
    if budget.max_images is not None:
        parts.append(f"{count_of(budget.max_images, 'image')} a run")
    if budget.per_run_bytes is not None:
        parts.append(f"{format_size(budget.per_run_bytes)} a run")
    if budget.per_cluster_per_day_bytes is not None:
        parts.append(f"{format_size(budget.per_cluster_per_day_bytes)} a cluster a day")
    return ", ".join(parts)


def _windows(windows: Windows) -> str:
    allowed = " or ".join(map(str, windows.allow)) or "any hour"
    denied = " or ".join(map(str, windows.deny))
    return f"{allowed}, but not {denied}" if denied else allowed


def _green(policy: Policy) -> Iterator[str]:
    partial = policy.verify.on_partial is OnPartial.ACCEPT
    yield "all that was asked for is warm."
    if partial:
        yield (
            "This policy accepts PARTIAL: a run with such an image is no failure, but it is not "
            "warm, so `report` is skipped and no asset is updated."
        )
    demand = policy.verify.demand
    if demand.min_hosts != MinHosts():
        yield f"Warm here means: every layer on at least {demand.min_hosts} of the hosts in scope."
    if demand.mode is VerifyMode.PEERS:
        yield "The peers themselves are asked for every layer."
    if policy.budget and policy.budget.on_exceed is not OnExceed.FAIL:
        yield "When the budget left something out, `report` is skipped and names it `over budget`."
    if policy.windows and policy.windows.on_closed is OnClosed.SKIP:
        yield "A run whose `report` is skipped announces nothing: its window was closed."


def invalid_doc(file_name: str, problems: Sequence[Problem], text: str = "") -> str:
    """Show everything that is wrong with a file, a list entry each, with the line in question.

    :param text: the file; "" if it cannot be read.
    """
    lines = text.splitlines()
    found = "\n\n".join(_problem(problem, lines) for problem in problems)
    return (
        f"### `{file_name}` is invalid\n\nNothing runs from it until this is mended; other "
        f"policies are unharmed.\n\n{found}\n\n"
        "Try the file with `preheat policy check` before you commit it."
    )


def _problem(problem: Problem, lines: Sequence[str]) -> str:
    numbers = (str(number) for number in (problem.line, problem.column) if number)
    place = ":".join((problem.source, *numbers))
    path = f" `{problem.path}`" if problem.path else ""
    entry = f"- **{_escaped(place)}**{path}: {_escaped(problem.message)}"
    if not problem.line or problem.line > len(lines):
        return entry
    line = lines[problem.line - 1].expandtabs(1).replace("```", "'''")[:_SHOWN_LENGTH]
    shown = [f"{problem.line} | {line}"]
    if problem.column and problem.column <= len(line) + 1:
        shown.append(f"{' ' * len(str(problem.line))} | {' ' * (problem.column - 1)}^")
    fenced = ["```text", *shown, "```"]
    return "\n".join([entry, "", *(f"  {row}" for row in fenced)])


def _escaped(text: str) -> str:
    """Let Markdown show a text as it is: ``<`` would begin a tag, ``*`` an emphasis."""
    return _MARKUP.sub(r"\\\g<0>", text.replace("\n", " "))


def _duration(seconds: int) -> str:
    for name, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size} {name}"
    return f"{seconds} s"
