"""Which policies an event touches, and what is said of the others."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from preheat.event import EventKind, EventSource, HarborEvent
from preheat.policy.loader import load_clusters, load_policy
from preheat.touching import runs_on, touch

if TYPE_CHECKING:
    from preheat.policy.model import Policy

CLUSTERS = """
apiVersion: preheat/v1alpha1
kind: PreheatClusters
clusters:
  - {name: eu-1, connection: dragonfly_default, schedulerClusterId: 1, platforms: [linux/amd64],
     pullEndpoints: {harbor_default: "https://harbor.example"}}
"""
POLICY = """
apiVersion: preheat/v1alpha1
kind: PreheatPolicy
metadata: {name: NAME}
spec:
  sources: [{registry: harbor_default, projects: ["team-*"]}]
  rules:
    - {name: web, repositories: {include: [{glob: "web/**"}]}, take: {newest: 1}}
  pins: [{image: "team-a/base:lts", until: 2999-01-01, reason: base of everything}]
  targets: [{cluster: eu-1, scope: all_seed_peers}]
  triggers: {events: [EVENTS]}
"""


def policy(name: str = "web", events: str = "pushed") -> Policy:
    """Load a policy with these events."""
    text = POLICY.replace("NAME", name).replace("EVENTS", events)
    return load_policy(text, f"{name}.yaml", load_clusters(CLUSTERS, "clusters.yaml"))


def event(repository: str = "team-a/web/app", **changes: object) -> HarborEvent:
    """Make a push of a tag."""
    pushed = HarborEvent(
        "harbor_default", "ce:1", EventSource.WEBHOOK, EventKind.PUSHED, repository, tag="1.0"
    )
    return replace(pushed, **changes)  # type: ignore[arg-type]


def test_an_event_touches_every_policy_that_takes_its_repository() -> None:
    """In the order of the policies; a pin counts as a rule."""
    one, two, other = policy("one"), policy("two"), policy("other", "scanned")
    assert touch(event(), [one, other, two]).policies == (one, two)
    assert touch(event("team-b/base"), [one]).words == "no rule or pin of one takes team-b/base"
    assert touch(event("team-a/base"), [one]).policies == (one,)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"registry": "another"}, "no policy with events looks at team-a"),
        ({"repository": "ops/web/app"}, "no policy with events looks at ops"),
        ({"repository": "team-a/api"}, "no rule or pin of web takes team-a/api"),
        ({"kind": EventKind.SCANNED}, "web runs on pushed, not on scanned"),
    ],
)
def test_why_none_runs_is_said(changes: dict[str, object], words: str) -> None:
    """The first reason that holds, from the outside in."""
    touched = touch(event(**changes), [policy()])
    assert (touched.policies, touched.words) == ((), words)


def test_a_suspended_policy_runs_on_nothing() -> None:
    """And it is named."""
    asleep = replace(policy(), suspend=True)
    assert touch(event(), [asleep]).words == "web is suspended"
    assert touch(event(), [asleep, policy("awake")]).policies == (policy("awake"),)


def test_an_event_that_waited_for_one_policy_touches_that_one_only() -> None:
    """The others acted on it before."""
    one, two = policy("one"), policy("two")
    assert touch(event(), [one, two], only="two").policies == (two,)
    assert touch(event(), [one], only="two").words == "there is no policy two with events any more"


@pytest.mark.parametrize(
    ("heard", "changes", "runs"),
    [
        ("pushed", {}, True),
        # A push of a known digest under a new tag looks like any push: webhook-retag-by-push.
        ("tagAdded", {}, True),
        ("tagAdded", {"tag": ""}, False),
        # A signature without a tag of its own looks like a platform of an index.
        ("signed", {"tag": ""}, True),
        ("signed", {}, False),
        # A sweep cannot tell a tag that was pushed from one that was set; the audit log can.
        ("pushed", {"kind": EventKind.TAG_ADDED, "source": EventSource.SWEEP}, True),
        ("pushed", {"kind": EventKind.TAG_ADDED, "source": EventSource.AUDIT}, False),
        ("labelAdded", {"kind": EventKind.LABEL_ADDED, "source": EventSource.SWEEP}, True),
        ("scanned", {"kind": EventKind.LABEL_ADDED}, False),
    ],
)
def test_what_may_be_behind_an_event_is_heard(
    heard: str, changes: dict[str, object], runs: bool
) -> None:
    """Better a run too many, which asks for nothing, than one too few."""
    assert runs_on(policy(events=heard), event(**changes)) is runs
