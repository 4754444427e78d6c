"""Run docs: what a person on call reads on a DAG's page."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from preheat.errors import Problem
    from preheat.policy.model import Policy

__all__ = ["invalid_doc", "policy_doc"]

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


def invalid_doc(file_name: str, problems: Sequence[Problem]) -> str:
    """Show everything that is wrong with a file."""
    found = "\n".join(f"    {problem}" for problem in problems)
    return (
        f"### `{file_name}` is invalid\n\nNothing runs from it until this is mended; other "
        f"policies are unharmed.\n\n{found}\n\n"
        "Try the file with `preheat policy check` before you commit it."
    )


def _duration(seconds: int) -> str:
    for name, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size} {name}"
    return f"{seconds} s"
