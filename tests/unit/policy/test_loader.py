"""Files are refused with every problem, its place and what to do; good ones to the letter."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from preheat.errors import ProblemsError
from preheat.placement import Peers, Scope
from preheat.policy.criteria.order import By
from preheat.policy.folder import load_folder
from preheat.policy.loader import load_policy
from preheat.policy.matchers import MatcherKind
from preheat.policy.model import OnMissing, OnPartial, Retry, Schedule, Submit, Verify

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.policy.model import Clusters, Policy

FILES = Path(__file__).parents[2] / "data" / "policies"

FULL = """\
apiVersion: preheat/v1alpha1
kind: PreheatPolicy
metadata: {name: full, description: All keys, owner: team-a}
spec:
  suspend: true
  sources:
    - registry: harbor_default
      projects: [web, research-*]
      artifactTypes: [image, cnai]
    - {registry: harbor_default, projects: [ml]}
  rules:
    - name: one
      repositories: {include: [{glob: "a/**"}], exclude: [{exact: a/b}]}
      tags: {allow: [{regex: 'v\\d+'}], deny: [{glob: "*-rc*"}]}
      labels: {all: [approved], any: [x, "1"], none: [hold]}
      age: {clock: pushed, min: 1h, max: 30d}
      order: {by: alphabetical}
      groupBy: [repository]
      take: {newest: 3}
    - name: two
  platforms: {include: [linux/amd64, linux/arm/v7], onMissing: fail}
  targets:
    - {cluster: us-1, scope: single_seed_peer}
    - {clusterSelector: {env: prod}, scope: all_peers, peers: {percent: 25}}
  triggers: {schedule: {cron: "0 2 * * *", timezone: Europe/Berlin}}
  submit: {timeout: 30m, concurrentTasks: 4, concurrentPeers: 100, freshFor: 1d}
  retry: {attempts: 5, backoff: 30s, maxBackoff: 10m}
  verify: {mode: layers, onPartial: accept}
"""


def problems_of(name: str, clusters: Clusters) -> list[str]:
    """Load a bad file and give its problems as text."""
    with pytest.raises(ProblemsError) as caught:
        load_policy((FILES / name).read_text(), name, clusters)
    return [str(problem) for problem in caught.value.problems]


def test_every_key_arrives(clusters: Clusters) -> None:
    """No key of a full file is lost or read as something else."""
    policy = load_policy(FULL, "full.yaml", clusters)
    assert (policy.name, policy.owner, policy.description) == ("full", "team-a", "All keys")
    assert policy.suspend is True
    assert policy.schedule == Schedule("0 2 * * *", "Europe/Berlin")
    assert policy.submit == Submit(1800, 4, 100, 86400)
    assert policy.retry == Retry(5, 30, 600)
    assert policy.verify == Verify(on_partial=OnPartial.ACCEPT)
    assert policy.platforms.include == ("linux/amd64", "linux/arm/v7")
    assert policy.platforms.on_missing is OnMissing.FAIL
    assert [rule.name for rule in policy.rules] == ["one", "two"]
    assert policy.rules[0].order.by is By.ALPHABETICAL
    assert policy.rules[0].take.newest == 3
    assert [target.clusters for target in policy.targets] == [("us-1",), ("eu-1", "us-1")]
    assert policy.targets[1].scope is Scope.ALL_PEERS
    assert policy.targets[1].peers == Peers(percentage=25)
    assert policy.cluster_names == ("us-1", "eu-1")
    assert policy.text == FULL
    assert len(policy.hash) == 64


def test_defaults_are_effective(policy: Callable[..., Policy]) -> None:
    """What a file leaves out has the documented value."""
    small = policy()
    assert (small.suspend, small.owner, small.events) == (False, "", ())
    assert small.submit == Submit(3600, 8, 500, 6 * 3600)
    assert small.retry == Retry(3, 15, 300)
    assert small.verify == Verify()
    assert small.rules[0].order.by is By.PUSHED
    assert small.rules[0].take.newest is None


def test_lines_are_those_of_the_file(clusters: Clusters) -> None:
    """Reasons can point at the line that decided."""
    rule = load_policy(FULL, "full.yaml", clusters).rules[0]
    assert (rule.line, rule.take.line) == (12, 19)
    assert rule.repositories.line == 13
    assert [criterion.line for criterion in rule.criteria] == [14, 15, 16]
    matcher = rule.repositories.exclude[0]
    assert (matcher.kind, matcher.pattern, matcher.line) == (MatcherKind.EXACT, "a/b", 13)


def test_a_policy_can_be_pickled_and_compared(clusters: Clusters) -> None:
    """A policy is plain data, compiled patterns are not part of it."""
    policy = load_policy(FULL, "full.yaml", clusters)
    assert pickle.loads(pickle.dumps(policy)) == policy  # noqa: S301 - our own bytes


def test_three_mistakes_are_shown_together(clusters: Clusters) -> None:
    """The file's author mends all three at once."""
    unknown, newest, cluster = problems_of("three-mistakes.yaml", clusters)
    assert unknown == (
        "three-mistakes.yaml:10:7: spec.rules[0].repositries The key 'repositries' is unknown;"
        " did you mean 'repositories'?"
    )
    assert newest == (
        "three-mistakes.yaml:12:22: spec.rules[0].take.newest This must be at least 1."
    )
    assert cluster == (
        "three-mistakes.yaml:14:17: spec.targets[0].cluster There is no cluster 'eu1';"
        " did you mean 'eu-1'?"
    )


@pytest.mark.parametrize(
    "words",
    [
        ":1:13: apiVersion 'preheat/v1' is not one of preheat/v1alpha1. Did you mean",
        "metadata.name The name 'other' must be that of the file, 'many-mistakes'.",
        "spec.suspend Write true or false, not 'yes'.",
        "spec.sources[0].projects[1] The glob '[a' has a [ that opens no valid class.",
        "artifactTypes[0] 'images' is not one of image, cnai, chart, wasm. Did you mean 'image'?",
        'include[0] This must be a matcher such as {glob: "v*"}',
        "include[1].glb The key 'glb' is unknown; did you mean 'glob'?",
        "include[2].regex Not a valid RE2 expression: invalid perl operator: '(?='; RE2 looks",
        "include[3] Write exactly one of exact, glob and regex.",
        "include[4] Write exactly one of exact, glob and regex.",
        ":11:12: spec.rules[0].tags There is no value; write one, or remove the key.",
        "spec.rules[0].labels Write at least one of all, any and none",
        "spec.rules[0].age.min '5' is not a duration",
        "spec.rules[0].age.max '10x' is not a duration",
        "spec.rules[0].take.newest 'many' is not a whole number.",
        "spec.rules[1].name The name 'a' is already taken in line 9.",
        "spec.rules[1].age 'min' is larger than 'max'",
        "spec.rules[2].name 'A B' is not a name",
        "spec.rules[2].age 'min' goes with clock: pushed only.",
        "spec.platforms.include[0] 'amd64' is not a platform",
        "targets[0].cluster There is no cluster 'eu-2'; did you mean 'eu-1'?",
        "targets[0].scope 'all_seed_peer' is not one of single_seed_peer, all_seed_peers,",
        "targets[1].clusterSelector No cluster carries env: prud; there are eu-1 (region: eu",
        "targets[2] 'peers' goes with all_seed_peers and all_peers",
        "has no pull endpoint for the registry 'harbor_unknown' (it has: harbor_default, harbor_2)",
        "targets[3].peers.percent This must be at most 100.",
        "targets[4].peers.ips[0] 'x' does not appear to be an IPv4 or IPv6 address.",
        "targets[5].peers Write exactly one of percent, count and ips.",
        'cron Cron has five fields (minute hour day month weekday), as in "0 2 * * *"',
        "timezone 'CET2' is not a time zone",
        "spec.submit.timeout 1h 30m is not between 10s and 1h.",
        "spec.submit.concurrentTasks This must be at most 100.",
        "spec.retry 'backoff' is longer than 'maxBackoff'.",
    ],
)
def test_each_of_many_mistakes_is_named(words: str, clusters: Clusters) -> None:
    """However many mistakes a file has, each one is there with its path."""
    assert words in "\n".join(problems_of("many-mistakes.yaml", clusters))


def test_no_place_has_two_problems(clusters: Clusters) -> None:
    """A mistake is told once: no echo of it as an empty list or a wrong type."""
    problems = problems_of("many-mistakes.yaml", clusters)
    assert len(problems) == len(set(problems))
    assert not [problem for problem in problems if "empty" in problem]


@pytest.mark.parametrize(
    ("part", "key"),
    [
        *[
            (f"{key}: {{}}", key)
            for key in (
                *("extends", "priority", "rollout"),
                *("approval", "deadline", "notify", "emit"),
            )
        ],
        ("triggers: {events: [policyChanged]}", "policyChanged"),
        ("gates: {attestations: []}", "attestations"),
        ("gates: {signature: {verifier: cosign, anyOf: []}}", "anyOf"),
        ("gates: {vulnerabilities: {rejectSeverity: low, onlyFixable: true}}", "onlyFixable"),
        ("triggers: {manual: {allow: true}}", "manual"),
        ("triggers: {schedule: {readyBy: '06:00'}}", "readyBy"),
        ("submit: {by: tag}", "by"),
        ("retry: {reasons: [timeout]}", "reasons"),
        ("verify: {mode: none}", "none"),
        ("verify: {mode: canaryPull}", "canaryPull"),
        ("rules: [{name: a, annotations: {a: b}}]", "annotations"),
        ("rules: [{name: a, order: {by: created}}]", "created"),
        ("rules: [{name: a, age: {clock: created, max: 1d}}]", "created"),
    ],
)
def test_keys_of_later_versions_say_so(part: str, key: str, policy: Callable[..., Policy]) -> None:
    """A key that would do nothing is refused, and not as if it were misspelt."""
    with pytest.raises(ProblemsError) as caught:
        policy(part)
    (told,) = [str(p) for p in caught.value.problems if repr(key) in str(p)]
    assert "later version" in told


def test_what_must_be_there_is_not_said_to_be_needless(policy: Callable[..., Policy]) -> None:
    """An empty ``triggers`` cannot be left out; an empty ``gates`` can."""
    with pytest.raises(ProblemsError, match=r"least one of schedule and events\.$"):
        policy("triggers: {}")
    with pytest.raises(ProblemsError, match="signature, or leave it out"):
        policy("gates: {}")


def test_broken_files_do_not_harm_others(clusters: Clusters) -> None:
    """Text in Latin-1, a picture, an empty file and a list: the good file is still read."""
    entries = load_folder(FILES, clusters)
    assert [entry.name for entry in entries if entry.policy] == ["good"]
    problems = {entry.name: entry.problems for entry in entries if entry.problems}
    told = {stem: str(ProblemsError(found)) for stem, found in problems.items()}
    assert "not UTF-8 text (byte 9)" in told["latin-1"]
    assert "not UTF-8" in told["picture"]
    assert told["empty"] == "empty.yaml: The file is empty; fill it, or remove it."
    assert told["not-a-map"] == "not-a-map.yaml:1:1: This must be a map of keys and values."
    assert "Indent with spaces" in told["tabs"]
    assert len(problems["three-mistakes"]) == 3
    assert len(problems["many-mistakes"]) > 30


def test_files_that_cannot_be_policies(tmp_path: Path, clusters: Clusters) -> None:
    """Ten megabytes, another suffix and a folder: a problem each; others are ignored."""
    (tmp_path / "big.yaml").write_text("#" * 10_000_000)
    (tmp_path / "short.yml").write_text("a: 1")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "README.md").write_text("not a policy")
    (tmp_path / ".hidden.yaml").write_text("an editor's own")
    entries = load_folder(tmp_path, clusters)
    assert not any(entry.policy for entry in entries)
    assert {entry.name: str(entry.problems[0]) for entry in entries} == {
        "big": "big.yaml: The file is larger than 256 KiB; no policy needs that.",
        "folder": "folder.yaml: The file cannot be read: Is a directory.",
        "short": "short.yml: Policy files end in .yaml; rename it to short.yaml.",
    }


def test_a_pipe_is_not_waited_for(tmp_path: Path, clusters: Clusters) -> None:
    """A pipe among the policies would keep every reader waiting for ever."""
    os.mkfifo(tmp_path / "pipe.yaml")
    (entry,) = load_folder(tmp_path, clusters)
    assert str(entry.problems[0]) == "pipe.yaml: This is not a regular file."


def test_a_missing_folder_is_a_problem(tmp_path: Path, clusters: Clusters) -> None:
    """The folder's name is in the message."""
    with pytest.raises(ProblemsError, match="absent: The folder of policies cannot be read"):
        load_folder(tmp_path / "absent", clusters)


def test_two_files_of_one_name_name_each_other(tmp_path: Path, clusters: Clusters) -> None:
    """Of two files that declare one policy, the right one stays, the other tells where it is."""
    good = (FILES / "good.yaml").read_text()
    (tmp_path / "good.yaml").write_text(good)
    (tmp_path / "better.yaml").write_text(good)
    (tmp_path / "good.yml").write_text(good)
    better, right, short = load_folder(tmp_path, clusters)
    assert right.policy is not None
    assert right.problems == ()
    assert str(better.problems[-1]) == "better.yaml: good.yaml declares the policy 'good' too."
    assert str(short.problems[-1]) == "good.yml: good.yaml declares the policy 'good' too."
