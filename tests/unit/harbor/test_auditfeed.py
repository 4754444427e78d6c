"""The audit log as a feed: recorded rows, odd ones, and what does not heed its filter."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from preheat.errors import UnexpectedAnswerError
from preheat.event import EventKind, EventSource, HarborEvent
from preheat.harbor.auditfeed import signed_by

if TYPE_CHECKING:
    from conftest import Replay
    from preheat.harbor.client import HarborClient

FEED = "/api/v2.0/auditlog-exts"
SYSTEM = "/api/v2.0/systeminfo"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
SUBJECT = "3c68fc8f341797cac4cc8e1f5e1d7f1d42bbde22e84f3319b7cd694d26cff6cc"
RETAGGED = "sha256:f5ef8cd2a704c5476f573f52aa60b0e9dd29a7d161cc311244ea225547aa1d95"


def row(number: int, **fields: Any) -> dict[str, Any]:
    """Write a row as Harbor does; a push of ``web/app:1``."""
    return {
        "id": number,
        "op_time": "2026-11-24T04:08:43.665Z",
        "operation": "create",
        "operation_description": f"push artifact: web/app@{RETAGGED}",
        "operation_result": True,
        "resource": "web/app:1",
        "resource_type": "artifact",
        "username": "robot$ci",
        **fields,
    }


def told(replay: Replay, robot: HarborClient, *rows: dict[str, Any]) -> list[HarborEvent]:
    """Read one page of made-up rows, of which none is odd."""
    replay.made_up(FEED, json.dumps(rows))
    pages = list(robot.audit_pages(LONG_AGO))
    assert [page.warnings for page in pages] == [()]
    return list(pages[0].events)


def recorded(replay: Replay, robot: HarborClient, name: str) -> list[HarborEvent]:
    """Read a recording; those were asked for newest first, which the feed never does."""
    replay.recorded(FEED, name)
    status, headers, body = replay.answers[FEED].pop()
    rows = sorted(json.loads(body), key=lambda found: found["id"])
    headers = {**headers, "X-Total-Count": str(len(rows))}
    replay.answers[FEED].append((status, headers, json.dumps(rows).encode()))
    (page,) = robot.audit_pages(LONG_AGO)
    assert page.warnings == ()
    return list(page.events)


def test_pushes_retags_and_repushes_have_tag_and_digest(
    replay: Replay, robot: HarborClient
) -> None:
    """One row tells both (recorded: auditlog-ext-push)."""
    event = recorded(replay, robot, "auditlog-ext-push")[-1]
    assert event == HarborEvent(
        registry="harbor_default",
        delivery="audit:593:1795493323665",
        source=EventSource.AUDIT,
        kind=EventKind.PUSHED,
        repository="team-a/retag-demo",
        digest=RETAGGED,
        tag="stable",
        operator="robot$loader",
        occurred_at=datetime(2026, 11, 24, 4, 8, 43, 665000, tzinfo=UTC),
        type="create_artifact",
    )


def test_tags_by_the_api_have_no_digest(replay: Replay, robot: HarborClient) -> None:
    """Added tags are told; one that was deleted asks for nothing (recorded: auditlog-ext-tag)."""
    events = recorded(replay, robot, "auditlog-ext-tag")
    assert [(event.kind, event.repository, event.tag, event.digest) for event in events] == [
        (EventKind.TAG_ADDED, "hooks/team/app", "api-tag", ""),
        (EventKind.OTHER, "hooks/team/app", "api-tag", ""),
        (EventKind.TAG_ADDED, "team-a/retag-demo", "promoted", ""),
        (EventKind.OTHER, "team-a/retag-demo", "promoted", ""),
    ]


def test_deletions_have_only_the_digest(replay: Replay, robot: HarborClient) -> None:
    """Each artifact of a deleted repository has its row (recorded: auditlog-ext-delete)."""
    events = recorded(replay, robot, "auditlog-ext-delete")
    gone = [event for event in events if event.kind is EventKind.DELETED]
    assert len(gone) == 5
    assert all(event.digest.startswith("sha256:") and not event.tag for event in gone)
    assert gone[-1].repository == "team-a/retag-demo"


def test_an_artifact_without_a_tag_has_its_digest(replay: Replay, robot: HarborClient) -> None:
    """As children of an index are pushed (harbor: src/controller/event/topic.go)."""
    (event,) = told(replay, robot, row(1, resource=f"web/team/app@{RETAGGED}"))
    assert (event.repository, event.tag, event.digest) == ("web/team/app", "", RETAGGED)


def test_a_signature_is_told_of_what_it_signs(replay: Replay, robot: HarborClient) -> None:
    """Cosign's tag names its subject (recorded: webhook-push-signature)."""
    (event,) = told(replay, robot, row(1, resource=f"web/app:sha256-{SUBJECT}.sig"))
    assert (event.kind, event.digest) == (EventKind.SIGNED, f"sha256:{SUBJECT}")
    assert signed_by(f"sha256-{SUBJECT}.att") == signed_by("1.0") == ""


def test_what_failed_is_left_out(replay: Replay, robot: HarborClient) -> None:
    """Harbor logs failures too; it may leave a false value out of its answer."""
    without = row(2)
    del without["operation_result"]
    assert told(replay, robot, row(1, operation_result=False), without) == []


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"resource": "app:1"}, "is no artifact and no tag"),
        ({"resource": "web/app"}, "is no artifact and no tag"),
        ({"resource": 7}, "is no text"),
        ({"resource": "web/app@md5"}, "is no digest"),
        ({"operation": "pull"}, "was not asked for"),
        ({"resource_type": None}, "was not asked for"),
        ({"op_time": "yesterday"}, "its time is 'yesterday'"),
        ({"op_time": None}, "its time is None"),
        ({"op_time": "0001-01-01T00:00:00+14:00"}, "its time is"),
    ],
)
def test_an_odd_row_is_passed_over_and_told(
    fields: dict[str, Any], words: str, replay: Replay, robot: HarborClient
) -> None:
    """One row that nobody understands must not stop the feed."""
    replay.made_up(FEED, json.dumps([row(1), row(2, **fields), row(3)]))
    (page,) = robot.audit_pages(LONG_AGO)
    assert [event.delivery.split(":")[1] for event in page.events] == ["1", "3"]
    (warning,) = page.warnings
    assert warning.startswith("harbor_default: row 2 of Harbor's audit log is passed over: ")
    assert words in warning


def test_the_feed_is_asked_by_ids_so_that_nothing_slips(
    replay: Replay, robot: HarborClient
) -> None:
    """Every page begins after the last id; time and kinds are filtered by Harbor."""
    pages = [[row(number) for number in range(first, first + 100)] for first in (5, 105)]
    for rows, left in ((pages[0], 103), (pages[1][:3], 3)):
        replay.made_up(FEED, json.dumps(rows), headers={"X-Total-Count": str(left)})
    since = datetime(2026, 11, 24, 6, 0, 0, 900_000, tzinfo=UTC) - timedelta(hours=3)
    found = [len(page.events) for page in robot.audit_pages(since)]
    assert found == [100, 3]
    common = "operation={create delete},resource_type={artifact tag},op_time=[2026-11-24T03:00:00~]"
    asked = [(one.value("q"), one.value("sort"), one.value("page")) for one in replay.asked]
    assert asked == [(f"id=[1~],{common}", "id", "1"), (f"id=[105~],{common}", "id", "1")]


def test_the_second_is_cut_but_not_what_came_before(replay: Replay, robot: HarborClient) -> None:
    """Filters are cut to the second; what lies before the moment in it is no news."""
    replay.made_up(FEED, json.dumps([row(1), row(2, op_time="2026-11-24T04:08:43.700Z")]))
    (page,) = robot.audit_pages(datetime(2026, 11, 24, 4, 8, 43, 670_000, tzinfo=UTC))
    assert [event.delivery for event in page.events] == ["audit:2:1795493323700"]


def test_a_filter_that_is_not_heeded_is_an_error(replay: Replay, robot: HarborClient) -> None:
    """Harbor ignores what it does not know; history must not be taken for news."""
    replay.made_up(FEED, json.dumps([row(1)]))
    with pytest.raises(UnexpectedAnswerError, match="gave row 1 of 2026-11-24T04:08:43"):
        list(robot.audit_pages(datetime(2026, 11, 24, 4, 8, 44, tzinfo=UTC)))


@pytest.mark.parametrize(
    ("names", "readable"), [(["auditlog-ext-push"], True), (["auditlog-ext-project-robot"], False)]
)
def test_only_rows_that_are_seen_prove_the_feed(
    names: list[str], readable: bool, replay: Replay, robot: HarborClient
) -> None:
    """Without the permission Harbor answers 200 and no row (recorded: …-project-robot)."""
    replay.recorded(SYSTEM, "systeminfo-robot")
    replay.recorded(FEED, *names)
    assert robot.reads_audit_feed() is readable
    assert replay.asked[-1].value("q") == "operation=create,resource_type=artifact"


def test_an_older_harbor_is_not_asked(replay: Replay, robot: HarborClient) -> None:
    """The feed came with 2.13."""
    told = {"auth_mode": "db_auth", "harbor_version": "v2.12.4-abc"}
    replay.made_up(SYSTEM, json.dumps(told))
    assert robot.reads_audit_feed() is False
    assert [one.path for one in replay.asked] == [SYSTEM]


def test_nobody_reads_it(anonymous: HarborClient) -> None:
    """Harbor shows it to nobody it does not know (recorded: auditlog-ext-anonymous)."""
    assert anonymous.reads_audit_feed() is False
