"""Run docs: what a person on call reads on a DAG's page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from preheat.errors import Problem
    from preheat.policy.model import Policy

__all__ = ["invalid_doc", "policy_doc"]

_MARKUP = re.compile(r"[\\`*_\[\]<>|~]")
_SHOWN_LENGTH = 200
_POLICY = """\
### {name}

{description}

**Runs** {schedule}. **Owner:** {owner}. **Clusters:** {clusters}.

**Inputs:** the policy below, Harbor ({registries}) and the Dragonfly managers of the clusters.

**Safe to re-run?** Yes. What was proved warm less than {fresh} ago is not asked for again; a repeat
fetches nothing that a peer already holds.

**What a red run means:** something of the plan is not warm. Open the report's log for the table,
then the red instances of *track*: each log says what was asked, what came, what is missing and what
to do. Mend it, then clear those instances *with their downstream*; only what is missing is fetched.

```yaml
{text}
```
"""


def policy_doc(policy: Policy) -> str:
    """Describe a policy's DAG: when, inputs, re-runs, failures, owner, the policy itself."""
    schedule = policy.schedule
    when = (
        f"at `{schedule.cron}` ({schedule.timezone})"
        if schedule
        else "only when somebody starts it"
    )
    return _POLICY.format(
        name=policy.name,
        description=policy.description,
        schedule="never: it is suspended" if policy.suspend else when,
        owner=policy.owner or "nobody named",
        clusters=", ".join(policy.cluster_names),
        registries=", ".join(f"`{name}`" for name in policy.registries),
        fresh=_duration(policy.submit.fresh_for_seconds),
        text=policy.text.strip().replace("```", "'''"),
    )


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
