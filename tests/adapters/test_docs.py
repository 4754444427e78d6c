"""What a DAG's page shows of a policy, and of a file that cannot be used."""

from __future__ import annotations

import pytest

from preheat.errors import Problem
from preheat.policy.loader import load_clusters, load_policy
from preheat.provider.docs import invalid_doc, policy_doc

CLUSTERS = """
apiVersion: preheat/v1alpha1
kind: PreheatClusters
clusters:
  - name: us-1
    connection: dragonfly_default
    schedulerClusterId: 2
    pullEndpoints: {harbor_default: "http://127.0.0.1:8085"}
"""
POLICY = """
apiVersion: preheat/v1alpha1
kind: PreheatPolicy
metadata: {name: web, labels: {team: web}}
spec:
  sources: [{registry: harbor_default, projects: [web]}]
  rules: [{name: all}]
  targets: [{cluster: us-1, scope: all_peers}]
  triggers: {events: [pushed]}
"""
GATES = """
  gates:
    vulnerabilities:
      rejectSeverity: high
      onMissing: waitForScan
      maxReportAge: 7d
      cveAllowlist: [{id: CVE-2026-1, until: 2026-12-31, reason: "not <reachable>"}]
      useProjectAllowlist: true
    signature: {verifier: cosign}
    size: {maxPerImage: 25GiB}
"""
ALLOW = 'allow: [{from: "20:00", to: "06:00", timezone: Europe/Berlin}]'
DENY = 'deny: [{days: [fri], from: "16:00", to: "24:00", timezone: UTC}]'


def told(more: str = "") -> str:
    """Describe the policy with more keys, its own text not included."""
    clusters = load_clusters(CLUSTERS, "clusters.yaml")
    policy = load_policy(POLICY + more, "web.yaml", clusters)
    return policy_doc(policy).partition("```yaml")[0]


def test_a_policy_without_limits_says_nothing_of_them() -> None:
    """What is not there takes no line on the page."""
    page = told()

    assert "- **Labels:** team: web" in page
    assert not [word for word in ("Gates", "Pinned", "Budget", "Only within") if word in page]


def test_gates_are_told_in_words() -> None:
    """An exception with its last day and reason, so that nobody has to know the language."""
    page = told(GATES)

    assert (
        "  - **vulnerabilities:** no finding of severity high and above; an image without a "
        "successful scan is out until a later run finds one; a report older than 7d does not "
        "count; CVE-2026-1 is excused until 2026-12-31 (not \\<reachable\\>); what the project's "
        "allowlist in Harbor excuses is excused\n"
    ) in page
    assert "  - **signature:** Harbor shows a signature of Cosign; who signed is not" in page
    assert "  - **size:** no platform is larger than 25.0 GiB\n" in page


def test_pins_are_told_with_their_last_day() -> None:
    """And with the reason that the file gives."""
    page = told('\n  pins: [{image: "web/a:1", until: 2027-01-31, reason: always}]\n')

    assert "  - web/a:1, until 2027-01-31 (UTC): always\n" in page


@pytest.mark.parametrize(
    ("on_exceed", "words", "green"),
    [
        ("trim", "What is beyond it is left out of the run", True),
        ("fail", "asks for nothing, and the run is red", False),
        ("ask", "the task `approve` asks a person, under *Required Actions*", True),
    ],
)
def test_a_budget_says_what_happens_beyond_it(on_exceed: str, words: str, green: bool) -> None:
    """And whether a green run may have left something out."""
    limits = "maxImages: 1, perRun: 1GiB, perClusterPerDay: 1.5TiB"
    page = told(f"\n  budget: {{{limits}, onExceed: {on_exceed}}}\n")

    assert "at most 1 image a run, 1.0 GiB a run, 1.5 TiB a cluster a day. " in page
    assert words in page
    assert ("When the budget left something out, `report` is skipped" in page) == green


@pytest.mark.parametrize(
    ("on_closed", "words", "skips"),
    [
        ("wait", "waits in `plan` until it opens, then plans anew", False),
        ("skip", "asks for nothing, and its `report` is skipped", True),
        ("fail", "asks for nothing and is red", False),
    ],
)
def test_windows_say_what_happens_outside(on_closed: str, words: str, skips: bool) -> None:
    """With hours, days and time zone, as the plan says them too."""
    page = told(f"\n  windows: {{{ALLOW}, {DENY}, onClosed: {on_closed}}}\n")

    hours = "every day 20:00 to 06:00 (Europe/Berlin), but not fri 16:00 to 24:00 (UTC). "
    assert f"- **Only within** {hours}" in page
    assert words in page
    assert ("`report` is skipped announces nothing" in page) == skips


def test_hours_that_are_only_denied_leave_all_others() -> None:
    """Without ``allow`` every other hour is fine."""
    page = told(f"\n  windows: {{{DENY}}}\n")

    assert "- **Only within** any hour, but not fri 16:00 to 24:00 (UTC). " in page


TEXT = "spec:\n  sources: [{project: [web]}]\n  ```\n"


def test_each_problem_is_an_entry_with_its_place_and_line() -> None:
    """File, line and column, the hint, and the line itself with a mark below the column."""
    unknown = Problem("did you mean 'projects'?", "one.yaml", 2, 14, "spec.sources[0].project")

    told = invalid_doc("one.yaml", [unknown, Problem("This is empty.", "one.yaml")], TEXT)

    assert (
        """
- **one.yaml:2:14** `spec.sources[0].project`: did you mean 'projects'?

  ```text
  2 |   sources: [{project: [web]}]
    |              ^
  ```

- **one.yaml**: This is empty.
"""
        in told
    )


def test_a_file_cannot_break_out_of_its_block() -> None:
    """A line with a fence of its own, and a message with markup, are shown as they are."""
    told = invalid_doc("one.yaml", [Problem("write <project>, not *", "one.yaml", 3)], TEXT)

    assert "  3 |   '''" in told
    assert r"write \<project\>, not \*" in told


def test_a_line_that_is_not_there_is_left_out() -> None:
    """The end of a file has a number past its last line; some files cannot be read at all."""
    assert "```" not in invalid_doc("one.yaml", [Problem("too short", "one.yaml", 9)], TEXT)
    assert "```" not in invalid_doc("one.yaml", [Problem("unreadable", "one.yaml", 1)])


def test_what_stays_warm_after_the_run_is_told() -> None:
    """Whoever sees jobs between two runs finds here who asks for them."""
    text = f"{POLICY}  keepWarm: {{recheck: 12h, until: 7d}}\n"
    doc = policy_doc(load_policy(text, "web.yaml", load_clusters(CLUSTERS, "clusters.yaml")))
    assert "**Kept warm** by `preheat_upkeep`: looked at every 12h, until 7d" in doc


def test_a_demand_beyond_the_usual_is_told() -> None:
    """Whoever reads green must know on how many hosts."""
    page = told("\n  verify: {mode: peers, minHosts: 95%}\n")

    assert "every layer on at least 95% of the hosts in scope. The peers themselves are" in page
    assert "hosts in scope" not in told("\n  verify: {onPartial: retry}\n")
