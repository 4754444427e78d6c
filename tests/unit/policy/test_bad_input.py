"""Every known way a policy file goes wrong: told with place and what to do; others go on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from preheat.policy.engine import evaluate
from preheat.policy.folder import load_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from preheat.artifact import Artifact
    from preheat.policy.model import Clusters

GOOD = """\
apiVersion: preheat/v1alpha1
kind: PreheatPolicy
metadata: {name: good}
spec:
  sources:
    - {registry: harbor_default, projects: [library]}
  rules:
    - name: all
      tags: {allow: [{glob: "*"}]}
      age: {max: 30d}
      order: {by: semver, ranges: [">=1"]}
  gates:
    size: {maxPerImage: 5GiB}
  targets:
    - {cluster: eu-1, scope: all_seed_peers}
  triggers:
    schedule: {cron: "0 2 * * *", timezone: UTC}
"""


def bad(old: str, new: str) -> bytes:
    """Put one mistake into a good file."""
    text = GOOD.replace("name: good", "name: bad")
    assert text.count(old) == 1
    return text.replace(old, new).encode()


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)

CASES = [
    pytest.param(
        bad("      age:", "      agee:"),
        "10:7: spec.rules[0].agee The key 'agee' is unknown; did you mean 'age'?",
        id="unknown key",
    ),
    pytest.param(
        bad("  gates:\n", "  targets: []\n  gates:\n"),
        r"1[25]:3: .*targets.* (twice|already)",
        id="duplicate key",
    ),
    pytest.param(
        bad("max: 30d", "max: 30 days"),
        r"10:18: spec.rules\[0\].age.max '30 days' is not a duration; write .* 14d",
        id="wrong unit of time",
    ),
    pytest.param(
        bad("5GiB", "5Gb"),
        r"13:25: spec.gates.size.maxPerImage '5Gb' is not a size; .*GiB",
        id="wrong unit of size",
    ),
    pytest.param(
        bad('    schedule: {cron: "0 2 * * *", timezone: UTC}\n', "    events: []\n"),
        r"1[67]:\d+: spec.triggers\S* .*(cron|schedule|event|at least one)",
        id="no event in the list",
    ),
    pytest.param(
        bad('triggers:\n    schedule: {cron: "0 2 * * *", timezone: UTC}\n', "triggers: {}\n"),
        r"16:\d+: spec.triggers .*schedule and events",
        id="neither cron nor events",
    ),
    pytest.param(
        bad('  triggers:\n    schedule: {cron: "0 2 * * *", timezone: UTC}\n', ""),
        r"spec.triggers The key 'triggers' is missing; write a schedule or events, such as \{",
        id="no triggers at all",
    ),
    pytest.param(
        bad('{glob: "*"}', "{regex: '(?=x)'}"),
        r"9:\d+: spec.rules\[0\].tags.allow\[0\].regex Not a valid RE2 expression: .*\(\?=",
        id="not RE2",
    ),
    pytest.param(
        bad('">=1"', '">3 <2"'),
        r"11:36: spec.rules\[0\].order.ranges\[0\] '>3 <2' can never match: no version lies in it",
        id="range that can never match",
    ),
    pytest.param(
        bad("cluster: eu-1", "cluster: eu-l"),
        r"15:\d+: spec.targets\[0\].cluster There is no cluster 'eu-l'; did you mean 'eu-1'\?",
        id="cluster that is not there",
    ),
    pytest.param(
        bad("cluster: eu-1", "clusterSelector: {region: asia}"),
        r"15:\d+: spec.targets\[0\].clusterSelector No cluster carries region: asia; there are "
        r"eu-1 \(region: eu, env: prod\)",
        id="label that no cluster has",
    ),
    pytest.param(
        bad("name: bad", "name: good"),
        r"(?s)3:18: metadata.name The name 'good' must be that of the file, 'bad'"
        r".*good.yaml declares the policy 'good' too",
        id="two policies of one name",
    ),
    pytest.param(
        "# a\n# b: für alle\n".encode("latin-1"),
        "bad.yaml:2: The file is not UTF-8 text (byte 10); save it as UTF-8.",
        id="not UTF-8",
    ),
    pytest.param(b"", "The file is empty; fill it, or remove it.", id="empty"),
    pytest.param(b"# later\n", "The file is empty; fill it, or remove it.", id="only a comment"),
    pytest.param(
        BOMB.encode(),
        r"bad.yaml:1:4: a YAML anchors and aliases \(&a\) are not used here; write the values",
        id="YAML bomb",
    ),
]


@pytest.mark.parametrize(("content", "words"), CASES)
def test_a_bad_file_is_told_and_harms_no_other(
    content: bytes,
    words: str,
    tmp_path: Path,
    clusters: Clusters,
    art: Callable[..., Artifact],
    now: datetime,
) -> None:
    """A problem with place and hint; the file selects nothing, and the good one all the same."""
    (tmp_path / "bad.yaml").write_bytes(content)
    (tmp_path / "good.yaml").write_text(GOOD)
    wrong, right = load_folder(tmp_path, clusters)
    assert wrong.policy is None
    told = "\n".join(map(str, wrong.problems))
    assert words in told or re.search(words, told), told
    assert all(str(problem).startswith("bad.yaml:") for problem in wrong.problems)
    assert len(wrong.problems) <= 2 or content.startswith(b"a: &a")
    assert right.problems == ()
    assert right.policy is not None
    assert evaluate(right.policy, [art(tags="1.0.0", size=1024)], clusters, now).placements
