"""The app as a whole: its routes and who may use them, its headers, its document, its plugin."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests
from airflow.api_fastapi.core_api.security import get_user
from fastapi.routing import APIRoute
from jsonschema import Draft202012Validator
from tests.web.conftest import Receiver, delivery

from preheat.web.app import make_app

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "tests" / "data" / "recorded" / "harbor"
# Every route, and the check that it has: nothing else may be reached without a login.
CHECKS = {
    ("POST", "/webhooks/harbor/{connection_id}"): "the Authorization of the connection",
    ("GET", "/openapi.json"): "Airflow's login",
    ("GET", "/api/v1/placements/{placement_id}"): "Airflow's login",
}


def test_every_route_has_its_check(receiver: Receiver) -> None:
    """Whoever adds a route adds how it is guarded; without credentials each answers 401."""
    routes = make_app().routes
    assert all(isinstance(route, APIRoute) for route in routes)
    found = {
        (method, route.path): route
        for route in routes
        if isinstance(route, APIRoute)
        for method in route.methods
    }
    assert set(found) == set(CHECKS)
    for (method, path), check in CHECKS.items():
        url = receiver.url + path.replace("{connection_id}", "harbor_default")
        answer = requests.request(method, url, timeout=10)
        assert answer.status_code == 401, path
        calls = [one.call for one in found[method, path].dependant.dependencies]
        assert (get_user in calls) == (check == "Airflow's login")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_a_webhook_is_posted(receiver: Receiver, method: str) -> None:
    """Harbor follows a redirect with GET, and would take 200 for delivered (webhook-retries)."""
    url = f"{receiver.url}/webhooks/harbor/harbor_default"
    answer = requests.request(method, url, timeout=10, allow_redirects=False)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/redoc", "/webhooks/harbor/", "/webhooks/harbor/a/", "/static/x"]
)
def test_nothing_else_is_there(receiver: Receiver, path: str) -> None:
    """No page, and no redirect."""
    answer = requests.get(f"{receiver.url}{path}", timeout=10, allow_redirects=False)
    assert answer.status_code in {404, 405}
    assert answer.headers["Content-Type"].startswith("application/json")


def test_no_answer_is_stored_or_taken_for_another_kind(receiver: Receiver) -> None:
    """Whatever the answer is."""
    answers = [
        receiver.post(delivery()),
        receiver.post(b"{"),
        receiver.post(delivery(), authorization=None),
        requests.get(f"{receiver.url}/openapi.json", timeout=10),
        requests.get(f"{receiver.url}/nothing", timeout=10),
        requests.get(f"{receiver.url}/webhooks/harbor/x", timeout=10),
    ]
    assert [answer.status_code for answer in answers] == [202, 400, 401, 401, 404, 405]
    for answer in answers:
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "json" in answer.headers["Content-Type"]
        assert not answer.cookies


def test_a_failure_of_ours_shows_nothing_of_it(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No traceback, no message."""

    def broken(*_: object) -> Any:
        raise RuntimeError("s3cret")

    monkeypatch.setattr("preheat.web.webhook.payload_format", broken)
    answer = receiver.post(delivery())
    assert answer.status_code == 500
    assert "s3cret" not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


def operation() -> dict[str, Any]:
    """Read what the document says of the webhook."""
    found: dict[str, Any] = make_app().openapi()["paths"]["/webhooks/harbor/{connection_id}"][
        "post"
    ]
    return found


def test_the_document_tells_the_whole_webhook() -> None:
    """Bodies, answers and the scheme."""
    said = operation()
    assert set(said["requestBody"]["content"]) == {
        *("application/json", "application/cloudevents+json"),
    }
    assert set(said["responses"]) >= {"202", "400", "401", "408", "413", "415", "500", "503"}
    (security,) = said["security"]
    scheme = make_app().openapi()["components"]["securitySchemes"][next(iter(security))]
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "header", "Authorization")


def test_real_deliveries_are_what_the_document_says() -> None:
    """Its schemas fit all that was recorded (recorded: webhook-*)."""
    content = operation()["requestBody"]["content"]
    count = 0
    for file in RECORDED.glob("webhook-*.json"):
        for one in json.loads(file.read_text("utf-8")).get("deliveries", []):
            schema = content[one["request"]["headers"]["Content-Type"]]["schema"]
            Draft202012Validator(schema).validate(json.loads(one["request"]["body"]))
            count += 1
    assert count == 50


PLUGIN = """
import sys
from preheat_plugin import PreheatPlugin
plugin = PreheatPlugin()
print(*(name for name in ("preheat.web", "fastapi", "uvicorn") if name in sys.modules))
apps = plugin.fastapi_apps
print(apps is plugin.fastapi_apps, *((one["url_prefix"], one["app"].title) for one in apps))
"""


def test_only_the_api_server_imports_the_app() -> None:
    """Scheduler, DAG processor and triggerer load the plugin too, and ask it for no app."""
    done = subprocess.run(
        [sys.executable, "-c", PLUGIN],
        cwd=ROOT / "plugins",
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert (lines[0], lines[-1]) == ("", "True ('/preheat', 'Preheat')")
