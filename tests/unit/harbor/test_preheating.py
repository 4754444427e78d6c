"""Harbor's own preheat configuration out of recorded answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from preheat.errors import RefusedError
from preheat.harbor.preheating import PreheatInstance

if TYPE_CHECKING:
    from conftest import Replay
    from preheat.harbor.client import HarborClient

INSTANCES = "/api/v2.0/p2p/preheat/instances"
POLICIES = "/api/v2.0/projects/ph/preheat/policies"


def test_instances_are_read_without_credentials(replay: Replay, robot: HarborClient) -> None:
    """An unknown kind of provider is read too (recorded: preheat-instances-robot-list)."""
    replay.recorded(INSTANCES, "preheat-instances-robot-list")
    assert robot.preheat_instances() == [
        PreheatInstance(4, "df", "dragonfly", "http://127.0.0.1:8093", enabled=True, default=True),
        PreheatInstance(6, "df3", "nope", "http://127.0.0.1:8097", enabled=True),
    ]


def test_policies_keep_their_texts(replay: Replay, robot: HarborClient) -> None:
    """Filters, trigger and extras are JSON inside JSON (recorded: preheat-policies-list)."""
    replay.recorded(POLICIES, "preheat-policies-list")
    found = robot.preheat_policies("ph")
    names = ["one", "emptycron", "badfilter", "badtrig", "badscope"]
    assert [policy.name for policy in found] == names
    assert json.loads(found[0].extra_attrs) == {"scope": "all_seed_peers", "cluster_ids": [1, 2]}
    assert json.loads(found[1].trigger)["trigger_setting"] == {"cron": ""}
    assert found[1].extra_attrs == ""


def test_all_pages_are_read_each_row_once(replay: Replay, robot: HarborClient) -> None:
    """A row that moved to the next page meanwhile is not imported twice."""
    full = [{"id": n, "name": f"p{n}"} for n in range(100)]
    replay.made_up(POLICIES, json.dumps(full))
    replay.made_up(POLICIES, json.dumps([{"id": 99, "name": "p99"}, {"id": 100, "name": "p100"}]))
    assert len(robot.preheat_policies("ph")) == 101
    assert [asked.value("page") for asked in replay.asked] == ["1", "2"]


@pytest.mark.parametrize("what", ["instances", "policies"])
def test_a_refusal_names_the_permission(what: str, replay: Replay, robot: HarborClient) -> None:
    """Ordinary robots see neither (recorded: preheat-instances-forbidden)."""
    replay.recorded(INSTANCES, "preheat-instances-forbidden")
    replay.recorded(POLICIES, "preheat-instances-forbidden")
    permission = {"instances": "preheat-instance:list", "policies": "preheat-policy:list"}[what]
    with pytest.raises(RefusedError, match=permission):
        robot.preheat_instances() if what == "instances" else robot.preheat_policies("ph")


@pytest.mark.parametrize(
    ("metadata", "severity"),
    [
        ({"prevent_vul": "true", "severity": "High"}, "high"),
        ({"prevent_vul": "true"}, ""),
        ({"prevent_vul": "false", "severity": "high"}, ""),
        (None, ""),
    ],
)
def test_the_project_s_bar_counts_only_when_it_is_on(
    metadata: dict[str, str] | None, severity: str, replay: Replay, robot: HarborClient
) -> None:
    """Metadata values are texts (harbor: overrideSecuritySettings)."""
    replay.made_up("/api/v2.0/projects/ph", json.dumps({"name": "ph", "metadata": metadata}))
    assert robot.project_security("ph").forbidden_severity == severity


def test_content_trust_has_two_switches(replay: Replay, robot: HarborClient) -> None:
    """The plain one means Notation (recorded: project-metadata-content-trust)."""
    replay.recorded("/api/v2.0/projects/team-a", "project-metadata-content-trust")
    found = robot.project_security("team-a")
    assert (found.needs_cosign, found.needs_notation) == (True, False)
    assert found.reuses_system_allowlist


def test_the_address_that_dragonfly_is_given(replay: Replay, robot: HarborClient) -> None:
    """Harbor tells it to callers that it knows (recorded: systeminfo-robot)."""
    replay.recorded("/api/v2.0/systeminfo", "systeminfo-robot")
    assert robot.external_url() == "http://127.0.0.1:8088"
    assert robot.is_at_least(2, 13)
    assert not robot.is_at_least(3, 0)
