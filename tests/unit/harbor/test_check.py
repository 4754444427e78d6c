"""The connection test, on recorded answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from preheat.harbor.api import HarborApi
from preheat.harbor.check import check
from preheat.harbor.client import HarborClient
from preheat.transport import Transport

if TYPE_CHECKING:
    import requests

    from conftest import Replay
    from preheat.checks import CheckReport

SYSTEM = "/api/v2.0/systeminfo"
PROJECTS = "/api/v2.0/projects"
TOKEN = "/service/token"
RECORDED_AT = datetime(2026, 11, 24, 3, 58, 11, 659000, tzinfo=UTC)
TWO_PROJECTS = '[{"project_id":1,"name":"team-a"},{"project_id":2,"name":"other"}]'


def look(replay: Replay, session: requests.Session, username: str = "robot$orch") -> CheckReport:
    """Run the test with our clock standing at the recording's moment."""
    transport = Transport(session, replay.url, system="Harbor")
    secret = SecretStr("s3cret") if username else None
    return check(HarborApi(transport, username, secret), lambda: RECORDED_AT)


def test_good_robot_passes(replay: Replay, session: requests.Session) -> None:
    """Every item is fine; a project without pull permission is named."""
    replay.recorded(SYSTEM, "systeminfo-robot")
    replay.made_up(PROJECTS, TWO_PROJECTS)
    replay.recorded(TOKEN, "token-pull-robot")
    report = look(replay, session)
    assert report.ok
    assert str(report) == (
        f"ok reachable: {replay.url}; ok credentials: Harbor knows robot$orch; ok account: robot; "
        "ok version: v2.15.2-lab; ok clock: Harbor's clock is 0.0 s behind; "
        "ok token service: gives a token for robot$orch; ok pull: from 1 of 2 projects looked at "
        "(to pull from other give repository:pull there)"
    )


def test_wrong_secret_fails_on_both_services(replay: Replay, session: requests.Session) -> None:
    """Harbor says 200 three times and means no (recorded: *-wrong-secret)."""
    replay.recorded(SYSTEM, "systeminfo-robot-wrong-secret")
    replay.made_up(PROJECTS, TWO_PROJECTS)
    replay.recorded(TOKEN, "token-wrong-secret")
    report = look(replay, session)
    failed = {item.name for item in report.items if not item.ok}
    assert failed == {"credentials", "token service"}
    assert all("secret" in item.advice for item in report.items if not item.ok)


def test_user_is_told_to_use_a_robot(replay: Replay, session: requests.Session) -> None:
    """A user works, but costs Harbor more and can be locked."""
    replay.recorded(SYSTEM, "systeminfo-admin")
    replay.made_up(PROJECTS, "[]")
    replay.recorded(TOKEN, "token-no-scope")
    items = {item.name: item for item in look(replay, session, "admin").items}
    assert items["account"].ok
    assert "use a robot account" in items["account"].advice


def test_robot_that_sees_no_project_fails(replay: Replay, session: requests.Session) -> None:
    """Nothing could be warmed with it."""
    replay.recorded(SYSTEM, "systeminfo-robot")
    replay.made_up(PROJECTS, "[]")
    replay.recorded(TOKEN, "token-no-scope")
    report = look(replay, session)
    assert [item.name for item in report.items if not item.ok] == ["pull"]


def test_anonymous_connection_is_allowed_with_advice(
    replay: Replay, session: requests.Session
) -> None:
    """No credentials is a choice, for public projects."""
    replay.recorded(SYSTEM, "systeminfo-anonymous")
    replay.made_up(PROJECTS, '[{"project_id":3,"name":"public-lib"}]')
    replay.recorded(TOKEN, "token-anonymous-public")
    report = look(replay, session, "")
    assert report.ok
    assert "only public projects" in str(report)


@pytest.mark.parametrize(("skew", "told"), [(-5, ""), (-120, "synchronise"), (120, "synchronise")])
def test_clock_skew_is_measured(
    replay: Replay, session: requests.Session, skew: int, told: str
) -> None:
    """Ages of images depend on both clocks; half a minute apart is worth a word."""
    at = (RECORDED_AT + timedelta(seconds=skew)).isoformat().replace("+00:00", "Z")
    body = f'{{"auth_mode":"db_auth","harbor_version":"v2.11.0","current_time":"{at}"}}'
    replay.made_up(SYSTEM, body)
    replay.made_up(PROJECTS, TWO_PROJECTS)
    replay.recorded(TOKEN, "token-pull-robot")
    items = {item.name: item for item in look(replay, session).items}
    assert bool(items["clock"].advice) == bool(told)
    assert told in items["clock"].advice
    assert "repository by repository" in items["version"].advice


def test_something_else_than_harbor_is_told(replay: Replay, session: requests.Session) -> None:
    """A web page under that URL is reported, not raised."""
    replay.made_up(SYSTEM, "<html>welcome</html>")
    report = look(replay, session)
    assert not report.ok
    assert "<html>welcome" in str(report)


def test_no_answer_is_told(session: requests.Session) -> None:
    """A closed port is reported with what to look at, and without the secret."""
    transport = Transport(session, "http://127.0.0.1:9", system="Harbor")
    client = HarborClient(transport, registry="h", username="robot$x", secret=SecretStr("s3cret"))
    report = client.check()
    assert [item.name for item in report.items] == ["reachable"]
    assert not report.ok
    assert "s3cret" not in str(report)


def test_broken_token_service_does_not_hide_the_rest(
    replay: Replay, session: requests.Session
) -> None:
    """The other items stay in the report."""
    replay.recorded(SYSTEM, "systeminfo-robot")
    replay.made_up(PROJECTS, TWO_PROJECTS)
    replay.made_up(TOKEN, "gateway", status=502)
    report = look(replay, session)
    assert [item.name for item in report.items if not item.ok] == ["token service"]
