"""The app as a whole: its routes and who may use them, its headers, its document, its plugin."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from airflow.api_fastapi.core_api.security import get_user
from fastapi.routing import APIRoute
from jsonschema import Draft202012Validator
from tests.web.conftest import Receiver, delivery

from preheat.web import access
from preheat.web.app import make_app
from preheat.web.crosssite import not_from_another_site
from preheat.web.refusing import MEDIA_TYPE

if TYPE_CHECKING:
    from fastapi.dependencies.models import Dependant

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "tests" / "data" / "recorded" / "harbor"
WEBHOOK = "/webhooks/harbor/{connection_id}"  # it looks for itself, at the connection's secret
CHANGING = {"POST", "PUT", "PATCH", "DELETE"}


def calls_of(dependant: Dependant) -> set[object]:
    """Name all that is called before a route."""
    deeper = (calls_of(one) for one in dependant.dependencies)
    return {dependant.call}.union(*deeper)


def test_every_route_has_its_check(receiver: Receiver) -> None:
    """Without credentials each answers 401; all but the webhook want Airflow's login."""
    routes = make_app().routes
    for route in routes:
        assert isinstance(route, APIRoute)
        for method in route.methods:
            answer = requests.request(method, receiver.url + path_of(route), timeout=10)
            assert answer.status_code == 401, route.path
            assert answer.headers["Content-Type"] == MEDIA_TYPE
        assert (get_user in calls_of(route.dependant)) == (route.path != WEBHOOK)


def path_of(route: APIRoute) -> str:
    """Fill in what a path wants."""
    return re.sub(r"\{(\w+)\}", lambda name: "1" if name[1].endswith("_id") else "x", route.path)


def test_every_changing_route_is_guarded_against_other_sites() -> None:
    """All but the webhook, for which no browser has a cookie."""
    for route in make_app().routes:
        assert isinstance(route, APIRoute)
        if route.methods & CHANGING and route.path != WEBHOOK:
            assert not_from_another_site in calls_of(route.dependant), route.path


def test_every_route_of_the_api_rests_on_what_may_be_seen_or_done() -> None:
    """A login alone is no right: each asks which DAGs somebody may read, or may run."""
    for route in make_app().routes:
        assert isinstance(route, APIRoute)
        if route.path.startswith("/api/"):
            calls = calls_of(route.dependant)
            made = {getattr(call, "__qualname__", "") for call in calls}
            assert access._reader in calls or "runner_of.<locals>.check" in made, route.path


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
    assert answer.headers["Content-Type"] == MEDIA_TYPE


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
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'")
        assert "unsafe" not in policy
        assert "frame-ancestors 'self'" in policy
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
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert answer.headers["Content-Type"] == MEDIA_TYPE


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
