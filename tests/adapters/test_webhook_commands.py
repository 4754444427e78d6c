"""``preheat harbor webhook``: policies made, repaired, shown and removed on a Harbor."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from preheat.cli import app
from preheat.sandbox import HarborServer
from preheat.sandbox.harbor import HarborState, ImageSpec, Permission, push_image

if TYPE_CHECKING:
    from collections.abc import Iterator

VALUE = "Bearer made-up-value-of-the-webhook"
SECRET = "made-up-secret"
BASE = "https://airflow.example.com"
ADDRESS = f"{BASE}/preheat/webhooks/harbor/harbor_default"
MANAGE = {f"notification-policy:{action}" for action in ("create", "read", "update", "delete")}
MANAGE |= {"notification-policy:list", "project:read"}
OURS = {
    "name": "preheat",
    "enabled": True,
    "event_types": ["PUSH_ARTIFACT", "DELETE_ARTIFACT", "SCANNING_COMPLETED"],
    "targets": [
        {
            "type": "http",
            "address": ADDRESS,
            "auth_header": VALUE,
            "payload_format": "CloudEvents",
        }
    ],
}


@pytest.fixture
def server() -> Iterator[HarborServer]:
    """Serve a Harbor with three projects and a robot that may only read."""
    state = HarborState()
    for name in ("web", "ml", "team-a"):
        state.add_project(name)
    state.accounts.add_robot("robot$preheat", SECRET, [Permission.project("*")])
    state.accounts.add_robot("robot$hooks", SECRET, [Permission.project("*", MANAGE)])
    served = HarborServer(state)
    served.start()
    yield served
    served.stop()
    state.close()


@pytest.fixture(autouse=True)
def connections(server: HarborServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name the Harbor, and another account on it that has the rights."""
    connect(monkeypatch, "HARBOR_DEFAULT", server.url, webhook_authorization=VALUE)
    told = {"conn_type": "harbor", "login": "robot$hooks", "password": SECRET}
    monkeypatch.setenv("AIRFLOW_CONN_HARBOR_HOOKS", json.dumps(told))


def connect(monkeypatch: pytest.MonkeyPatch, name: str, url: str, **extra: str) -> None:
    """Put a connection into the environment."""
    fields = {"conn_type": "harbor", "host": url, "login": "robot$preheat", "password": SECRET}
    told = json.dumps(fields | {"extra": json.dumps(extra)})
    monkeypatch.setenv(f"AIRFLOW_CONN_{name}", told)


def webhook(*words: str) -> Any:
    """Call the command as a shell would, with the rights; no secret may show."""
    runner = CliRunner(env={"COLUMNS": "160", "NO_COLOR": "1"})
    words = ("harbor", "webhook", *words, "--as", "harbor_hooks")
    result = runner.invoke(app, list(words), catch_exceptions=False)
    assert VALUE not in result.output
    assert SECRET not in result.output
    return result


def told(*words: str) -> dict[str, tuple[str, list[str]]]:
    """Call it for machines: state and differences by project."""
    found = json.loads(webhook(*words, "--json").stdout)["projects"]
    return {one["project"]: (one["state"], one["differences"]) for one in found}


def policies(server: HarborServer, project: str) -> list[dict[str, Any]]:
    """Read a project's policies as Harbor holds them."""
    state = server.state
    return [
        {
            "name": policy.name,
            "enabled": policy.enabled,
            "event_types": list(policy.event_types),
            "targets": [target.to_json() for target in policy.targets],
        }
        for policy in state.webhooks.of_project(state.projects[project])
    ]


def given(server: HarborServer, project: str, **fields: Any) -> None:
    """Make a policy as somebody else would have."""
    state = server.state
    state.webhooks.add(state.projects[project], OURS | fields)


def target(**fields: Any) -> list[dict[str, Any]]:
    """Write the targets of a policy that differ from ours."""
    return [OURS["targets"][0] | fields]  # type: ignore[index]


def test_install_makes_one_policy_in_each_project(server: HarborServer) -> None:
    """With all that Harbor needs to know, and again changes nothing."""
    result = webhook("install", "--all", "--url", BASE)
    assert result.exit_code == 0, result.output
    assert "3 projects: 3 made." in result.stdout
    for project in ("web", "ml", "team-a"):
        assert policies(server, project) == [OURS]
    again = webhook("install", "--all", "--url", f"{BASE}/")
    assert "3 projects: 3 as it should be." in again.stdout


def test_what_was_installed_delivers(server: HarborServer) -> None:
    """Harbor sends a push to our address, and list shows when."""
    server.state.settings.webhook_timeout_seconds = 0.2
    webhook("install", "--project", "web", "--url", "http://127.0.0.1:9")
    push_image(server.state, "web/app", ImageSpec("a"), tags=["1"])
    shown = webhook("list", "--project", "web", "--url", "http://127.0.0.1:9", "--json")
    (one,) = json.loads(shown.stdout)["projects"]
    assert (one["state"], one["enabled"]) == ("right", True)
    assert one["last_sent"] is not None
    assert one["addresses"] == ["http://127.0.0.1:9/preheat/webhooks/harbor/harbor_default"]


@pytest.mark.parametrize(
    ("fields", "differences"),
    [
        ({"enabled": False}, ["disabled"]),
        ({"event_types": ["PUSH_ARTIFACT"]}, ["lacks DELETE_ARTIFACT, SCANNING_COMPLETED"]),
        (
            {"event_types": [*OURS["event_types"], "PULL_ARTIFACT"]},  # type: ignore[misc]
            ["sends PULL_ARTIFACT too"],
        ),
        (
            {"targets": target(address=ADDRESS.replace("https:", "http:"))},
            [f"leads to {ADDRESS.replace('https:', 'http:')}"],
        ),
        (
            {"targets": target(payload_format="Default")},
            ["sends the format Default"],
        ),
        ({"targets": target(auth_header="Bearer old")}, ["sends another Authorization"]),
        ({"targets": target(auth_header="")}, ["sends no Authorization"]),
        ({"targets": target(skip_cert_verify=True)}, ["does not verify TLS certificates"]),
        ({"targets": [*target(), *target(address="https://x/y")]}, ["has 2 targets"]),
    ],
)
def test_install_repairs_what_differs(
    fields: dict[str, Any], differences: list[str], server: HarborServer
) -> None:
    """Says what it was, and leaves the rest as it should be; list would have shown the same."""
    given(server, "web", **fields)
    (made,) = server.state.webhooks.of_project(server.state.projects["web"])
    created = made.created_at
    words = ("--project", "web", "--url", BASE)
    assert told("list", *words) == {"web": ("wrong", differences)}
    assert told("install", *words, "--dry-run") == {"web": ("repaired", differences)}
    assert policies(server, "web") != [OURS]
    assert told("install", *words) == {"web": ("repaired", differences)}
    assert policies(server, "web") == [OURS]
    assert made.created_at is not None
    assert created is not None
    assert abs((made.created_at - created).total_seconds()) < 0.01
    assert told("list", *words) == {"web": ("right", [])}


@pytest.mark.parametrize(
    "address",
    [
        "https://other.example.com/preheat/webhooks/harbor/harbor_default",
        "https://airflow.example.com:8443/preheat/webhooks/harbor/harbor_default",
        f"{BASE}/preheat/webhooks/harbor/other",
        f"{BASE}/staging/preheat/webhooks/harbor/harbor_default",
        "https://old/x",
    ],
)
def test_one_of_our_name_that_leads_elsewhere_is_taken_over_only_when_told_so(
    address: str, server: HarborServer
) -> None:
    """Another Airflow would hear of nothing more; it is told, and the exit code is 1."""
    given(server, "web", targets=target(address=address, auth_header="Bearer theirs"))
    before = policies(server, "web")
    words = ("install", "--project", "web", "--url", BASE)
    for more in ((), ("--dry-run",)):
        result = webhook(*words, *more)
        assert result.exit_code == 1
        assert "1 project: 1 not ours." in result.stdout
    assert told(*words) == {"web": ("foreign", [f"it leads to {address}"])}
    assert policies(server, "web") == before
    taken = webhook(*words, "--take-over")
    assert taken.exit_code == 0
    assert "1 project: 1 repaired." in taken.stdout
    assert policies(server, "web") == [OURS]


def test_foreign_policies_are_left_alone(server: HarborServer) -> None:
    """Whatever they are called and wherever they lead."""
    given(server, "web", name="ci", targets=target(address="https://ci/x", auth_header="theirs"))
    before = policies(server, "web")
    assert told("install", "--project", "web", "--url", BASE) == {"web": ("made", [])}
    assert policies(server, "web") == [*before, OURS]
    assert told("remove", "--project", "web", "--url", BASE) == {"web": ("removed", [])}
    assert policies(server, "web") == before


def test_a_dry_run_only_tells(server: HarborServer) -> None:
    """Neither made nor removed."""
    result = webhook("install", "--all", "--url", BASE, "--dry-run")
    assert result.exit_code == 0
    assert "3 projects: 3 would be made." in result.stdout
    assert policies(server, "web") == []
    given(server, "web")
    removal = webhook("remove", "--project", "web", "--url", BASE, "--dry-run")
    assert "1 would be removed" in removal.stdout
    assert policies(server, "web") == [OURS]


def test_a_refusal_names_the_permission_and_stops_no_other(server: HarborServer) -> None:
    """All others are done all the same; the exit code tells."""
    few = [Permission.project("web", MANAGE)]
    few += [Permission.project("ml", {"project:read", "notification-policy:list"})]
    few += [Permission.project("team-a", {"project:read"})]
    server.state.accounts.robots["robot$hooks"].permissions = tuple(few)
    result = webhook("install", "--all", "--url", BASE)
    assert result.exit_code == 1
    words = " ".join(result.stdout.split())
    assert "3 projects: 1 made, 2 refused." in words
    assert "notification-policy:create" in words
    assert "notification-policy:list" in words
    assert policies(server, "web") == [OURS]


def test_list_tells_what_is_missing(server: HarborServer) -> None:
    """And exits with 1, so that a script can look after it."""
    given(server, "web")
    result = webhook("list", "--all", "--url", BASE)
    assert result.exit_code == 1
    assert f"should lead to {ADDRESS}" in result.stdout
    assert "never" in result.stdout
    assert "3 projects: 1 as it should be, 2 missing." in result.stdout


@pytest.mark.parametrize(
    "address",
    [
        f"{BASE}/preheat/webhooks/harbor/other",
        "https://other.example/preheat/webhooks/harbor/harbor_default",
    ],
)
def test_remove_leaves_what_leads_elsewhere(server: HarborServer, address: str) -> None:
    """A policy of that name may belong to another connection, or to another Airflow."""
    given(server, "web", targets=target(address=address))
    result = webhook("remove", "--all", "--url", BASE)
    assert result.exit_code == 0
    assert "1 not ours" in result.stdout
    assert address in "".join(result.stdout.split())
    assert len(policies(server, "web")) == 1


def test_globs_that_name_nothing_are_told(server: HarborServer) -> None:
    """And those that do are done all the same."""
    result = webhook("install", "--project", "w*", "--project", "nope", "--url", BASE)
    assert result.exit_code == 1
    assert "shows no project called so" in result.stdout
    assert policies(server, "web") == [OURS]
    assert policies(server, "ml") == []


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["install"], "name a project"),
        (["install", "--all"], "give --url"),
        (["install", "--all", "--url", "airflow.example.com"], "is no address of Airflow"),
        (["install", "--all", "--url", "https://[x"], "is no address of Airflow"),
        (["install", "--all", "--url", "https://u:made-up-word@a"], "scheme, host and path only"),
        (["install", "--all", "--url", f"{BASE}?x=1"], "scheme, host and path only"),
        (["install", "--project", "[a", "--url", BASE], "is no glob"),
        (["install", "--all", "--url", BASE, "--registry", "nope"], "AIRFLOW_CONN_NOPE"),
    ],
)
def test_bad_usage_is_told_in_one_message(words: list[str], why: str) -> None:
    """With the exit code for it, and nothing on stdout."""
    result = webhook(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert why in " ".join(result.stderr.split())
    assert "made-up-word" not in result.output


def test_a_connection_without_the_value_says_how_to_make_one(
    server: HarborServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without it nobody could be let in."""
    connect(monkeypatch, "HARBOR_DEFAULT", server.url)
    result = webhook("install", "--all", "--url", BASE)
    assert result.exit_code == 2
    assert "openssl rand -base64 32" in result.stderr
    assert policies(server, "web") == []


def test_the_url_is_airflow_s_own_by_default(
    server: HarborServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As its configuration says; that Harbor may not reach it is told where it is likely."""
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "http://localhost:8080/team")
    result = webhook("install", "--project", "web")
    assert result.exit_code == 0, result.output
    assert "unencrypted" in result.stderr
    assert "localhost is, for Harbor, its own machine" in result.stderr
    (policy,) = policies(server, "web")
    address = "http://localhost:8080/team/preheat/webhooks/harbor/harbor_default"
    assert policy["targets"][0]["address"] == address


def test_certificates_are_verified_unless_told_not_to(server: HarborServer) -> None:
    """And without the option the verification is turned on again."""
    words = ("install", "--project", "web", "--url", BASE)
    result = webhook(*words, "--insecure")
    assert "whoever answers" in result.stderr
    assert policies(server, "web")[0]["targets"][0]["skip_cert_verify"] is True
    assert told(*words) == {"web": ("repaired", ["does not verify TLS certificates"])}


def test_an_account_is_not_shown_to_another_harbor(
    server: HarborServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its secret would go to a place that it is not for."""
    connect(monkeypatch, "HARBOR_HOOKS", "https://other.example.com")
    result = webhook("install", "--all", "--url", BASE)
    assert result.exit_code == 2
    assert "not shown to another Harbor" in " ".join(result.stderr.split())


def test_the_readers_own_account_is_refused_in_words(server: HarborServer) -> None:
    """Without --as the connection's own robot is used, which should not have the rights."""
    runner = CliRunner(env={"COLUMNS": "160", "NO_COLOR": "1"})
    words = ["harbor", "webhook", "install", "--project", "web", "--url", BASE]
    result = runner.invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 1
    assert "notification-policy:list" in result.stdout


def test_webhooks_that_are_switched_off_are_told(
    server: HarborServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One switch holds for all projects."""
    server.faults.add(
        match={"path": "/api/v2.0/systeminfo"},
        body=json.dumps({
            "auth_mode": "db_auth",
            "harbor_version": "v2.15.2-x",
            "notification_enable": False,
        }),
        headers={"Content-Type": "application/json"},
        status=200,
    )
    result = webhook("install", "--project", "web", "--url", BASE)
    assert "sends no webhooks at all" in result.stderr
