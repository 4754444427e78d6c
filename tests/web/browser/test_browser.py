"""The pages in a real Chromium, inside of a real Airflow with its scheduler and triggerer."""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from tests.web.browser.conftest import DESKTOP, PHONE
from tests.web.realairflow import wait_for

from preheat.ledger import RunRef, Shown
from preheat.placement import PlacementKey, Scope, TrackSettings
from preheat.plan import Decision, Plan, PlannedPlacement, Reason, ReasonCode
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Frame
    from tests.web.browser.conftest import Looker, SandboxHarbor
    from tests.web.realairflow import RealAirflow

POLICY = "library-base"
BROKEN = "library/postgres"  # no policy takes it, so nobody has warmed it
MARKUP = "<img src=x onerror=alert(1)>"
INVALID = """\
apiVersion: preheat/v1alpha1
kind: PreheatPolicy
metadata: {name: invalid}
spec: {sources: [], rules: "<b>none</b>"}
"""


@pytest.fixture(scope="module")
def invalid_policy(real_airflow: RealAirflow) -> str:
    """Put a policy into include/ that is wrong, and wait until Airflow has seen it."""
    file = real_airflow.root / "include" / "policies" / "invalid.yaml"
    file.write_text(INVALID, encoding="utf-8")
    wait_for(lambda: real_airflow.api.knows("/dags/preheat__invalid"), 180)
    return "invalid"


def an_image(airflow: RealAirflow, verdict: Verdict = Verdict.WARM) -> str:
    """Address the page of an image that stands so."""
    found = airflow.ledger.overview.images(Shown(verdicts=(verdict,)), limit=1).rows[0]
    return image_path(found.repository, found.digest)


def image_path(repository: str, digest: str, **more: str) -> str:
    """Address the page of an image."""
    return f"/image?{urlencode({'repository': repository, 'digest': digest, **more})}"


def pages(airflow: RealAirflow) -> dict[str, str]:
    """Address every page, by what it shows."""
    plan = airflow.ledger.overview.latest_plan(POLICY)
    assert plan is not None
    run = urlencode({"dag_id": plan.dag_id, "run_id": plan.run_id})
    return {
        "coverage": "/",
        "filtered": "/?verdict=COLD&q=nothing-of-this-name",
        "image": an_image(airflow),
        "warm": "/warm",
        "policies": "/policies",
        "policy": f"/policies/{POLICY}",
        "invalid": "/policies/invalid",
        "plan": f"/plans/{plan.id}",
        "explained": f"/plans/{plan.id}/explain?image=library/nginx:2.2.1",
        "runs": "/runs",
        "run": f"/run?{run}",
        "events": "/events",
        "health": "/health",
    }


def serious(frame: Frame) -> list[str]:
    """Name what axe-core finds in a page that keeps people out."""
    found = Axe().run(frame).response["violations"]
    return [
        f"{one['id']}: {one['nodes'][0]['html']}"
        for one in found
        if one["impact"] in {"serious", "critical"}
    ]


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_is_for_everybody(
    real_airflow: RealAirflow, look: Any, invalid_policy: str, size: tuple[int, int], theme: str
) -> None:
    """No serious finding of axe-core, nothing cut off, and the browser complains of nothing."""
    looker = look(size=size, theme=theme)
    looker.open("/")
    found = {}
    for name, path in pages(real_airflow).items():
        frame = looker.go(path)
        assert frame.locator("html").get_attribute("data-theme") == theme
        looker.picture(f"{name}-{theme}-{size[0]}")
        assert not frame.evaluate("document.documentElement.scrollWidth > innerWidth"), name
        assert looker.complaints == [], name
        looker.complaints.clear()
        found[name] = serious(frame)
        looker.complaints.clear()  # axe-core tries what our policy forbids
    assert {name: told for name, told in found.items() if told} == {}


def test_the_page_stands_in_airflows_navigation(real_airflow: RealAirflow, look: Any) -> None:
    """Found, opened, themed as Airflow is; the address in the bar leads back to what is shown."""
    looker = look()
    looker.page.goto(f"{real_airflow.api.url}/")
    looker.page.get_by_role("link", name="Preheat").click()
    frame = looker.frame
    expect(frame.get_by_role("heading", name="Coverage", level=1)).to_be_visible()
    assert looker.page.locator("img[src*='/preheat/static/']").first.is_visible()

    frame.get_by_role("link", name="Policies").click()
    expect(frame.get_by_role("heading", name="Policies", level=1)).to_be_visible()
    looker.page.wait_for_url("**/plugin/preheat/preheat/policies")
    looker.page.reload()
    expect(looker.frame.get_by_role("heading", name="Policies", level=1)).to_be_visible()

    looker.page.evaluate("localStorage.setItem('theme', 'dark')")
    expect(looker.frame.locator("html")).to_have_attribute("data-theme", "dark")
    assert looker.complaints == []


def test_links_leave_the_frame_the_way_it_allows(real_airflow: RealAirflow, look: Any) -> None:
    """Airflow's pages open in Airflow, not inside of itself; others' addresses are handed out."""
    looker = look()
    frame = looker.open(an_image(real_airflow))
    frame.get_by_role("link", name="Open in Harbor").first.click()
    expect(frame.locator("#said")).to_contain_text(f":{real_airflow.harbor_port}/harbor/projects/")
    frame.locator("a[data-to-airflow]").first.click()
    looker.page.wait_for_url("**/dags/*/runs/*/tasks/**")
    expect(looker.page.locator("iframe[src*='/preheat/']")).to_have_count(0)
    assert looker.complaints == []


def test_everything_is_reached_by_the_keyboard(look: Any) -> None:
    """Skip what repeats, see where one is, filter without a mouse."""
    looker = look()
    frame = looker.open("/")
    keys = looker.page.keyboard
    frame.locator("a.brand").focus()
    keys.press("Shift+Tab")
    skip = frame.get_by_role("link", name="Skip to content")
    expect(skip).to_be_focused()
    assert skip.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    skip.press("Enter")
    expect(frame.locator("#main")).to_be_focused()
    search = frame.get_by_label("Image, tag or digest")
    for _ in range(30):
        keys.press("Tab")
        if search.evaluate("one => one === document.activeElement"):
            break
    keys.type("library/redis")
    keys.press("Enter")
    expect(frame.get_by_role("link", name="Clear")).to_be_visible()
    names = frame.locator("table.matrix tbody th a").all_inner_texts()
    assert names
    assert all(name.startswith("library/redis") for name in names)


def warm_by_the_form(looker: Looker) -> Frame:
    """Type an image into the form, and follow its run."""
    frame = looker.open("/")
    frame.get_by_role("link", name="Warm an image").click()
    frame.get_by_label("Images, one a line").fill(f"{BROKEN}:2.1.1")
    frame.get_by_label("us-1").check()
    frame.get_by_label("single seed peer").check()
    frame.get_by_role("button", name="Warm").click()
    expect(frame.get_by_role("heading", name="Run of preheat_images")).to_be_visible()
    return frame


def is_followed(frame: Frame) -> bool:
    """Tell whether a page still asks what is new."""
    return frame.locator("#now[hx-get]").count() > 0


def test_a_broken_layer_is_understood_and_mended_from_the_page_alone(
    look: Any, harbor: SandboxHarbor
) -> None:
    """The newcomer's path: warm, fail, see why, mend, *Warm now*, and WARM is seen come."""
    looker = look()
    with harbor.without(harbor.last_layer(BROKEN, "2.1.1")):
        frame = warm_by_the_form(looker)
        expect(frame.locator("#now .state").first).to_contain_text("failed", timeout=120_000)
        expect(frame.locator("table").get_by_text("PARTIAL")).to_be_visible()
        frame.get_by_role("link", name=f"{BROKEN}:2.1.1").click()
        placement = frame.locator("article.placement").first
        expect(placement).to_contain_text("PARTIAL")
        expect(placement.locator(".advice")).to_contain_text("1 layer missing")
        expect(placement.locator("tr.lacking")).to_have_count(1)
        expect(placement.locator("tr.lacking")).to_contain_text("the registry answers 500")
        looker.picture("broken")

    frame.evaluate("window.notReloaded = true")
    button = frame.get_by_role("button", name="Warm now")
    button.click()
    expect(frame.locator(".live")).to_contain_text("goes on", timeout=30_000)
    expect(placement).to_contain_text("being asked for", timeout=90_000)
    looker.picture("asking")
    expect(placement.locator("h3 .verdict.warm")).to_be_visible(timeout=120_000)
    expect(placement.locator("tr.lacking")).to_have_count(0)
    wait_for(lambda: not is_followed(frame), 60)
    expect(frame.locator(".live")).to_contain_text("has ended")
    assert frame.evaluate("window.notReloaded")
    looker.picture("mended")
    assert looker.complaints == []


def test_a_plan_is_made_and_shown(real_airflow: RealAirflow, look: Any) -> None:
    """*Plan* is a dry run: it is followed until it is there, and asks no cluster for anything."""
    looker = look()
    frame = looker.open(f"/policies/{POLICY}")
    frame.get_by_role("button", name="Plan").click()
    made = frame.locator("#made-plan")
    expect(made).to_be_visible(timeout=120_000)
    made.click()
    expect(frame.get_by_role("heading", level=1)).to_contain_text("dry run")
    frame.get_by_label("Why is this image in the plan, or not?").fill("library/nginx:2.2.1")
    frame.get_by_role("button", name="Explain").click()
    expect(frame.locator("#explained")).to_contain_text("is not selected by library-base")
    assert looker.complaints == []


def test_what_is_wrong_with_a_policy_is_on_its_page(look: Any, invalid_policy: str) -> None:
    """All of it, and what is written in the file is no markup."""
    looker = look()
    frame = looker.open(f"/policies/{invalid_policy}")
    expect(frame.locator(".problems")).to_contain_text("<b>none</b>")
    assert frame.locator(".problems b").count() == 0


def planned_markup() -> tuple[Plan, str]:
    """Plan an image whose every name is markup."""
    digest = f"sha256:{7:064x}"
    key = PlacementKey("eu-1", "http://h", f"team/{MARKUP}", digest, MARKUP, Scope.ALL_PEERS)
    settings = TrackSettings("dragonfly", "dragonfly_default", 1, "harbor_default")
    reason = Reason(ReasonCode.SELECTED, MARKUP, MARKUP, 1)
    decision = Decision(
        "harbor_default", key.repository, digest, (MARKUP,), MARKUP, True, (reason,), (), digest
    )
    plan = Plan(
        policy=POLICY,
        evaluated_at=datetime.now(UTC),
        decisions=(decision,),
        placements=(PlannedPlacement(key=key, settings=settings, label=MARKUP),),
        policy_text=f"{MARKUP}\n",
        warnings=(MARKUP,),
        failures=(MARKUP,),
    )
    return replace(plan, dry_run=False, partial=True), digest


def test_names_with_markup_are_names(real_airflow: RealAirflow, look: Any) -> None:
    """Whoever names an image, a tag or a rule runs nothing in anybody's browser."""
    plan, digest = planned_markup()
    run = RunRef(f"preheat__{POLICY}", "manual__markup", "plan")
    plan_id = real_airflow.ledger.record_plan(plan, run).plan_id
    looker = look()
    asked: list[str] = []
    looker.page.on("request", lambda request: asked.append(request.url))
    image = image_path(f"team/{MARKUP}", digest)
    for path in ("/?q=img", image, f"/plans/{plan_id}", f"/?{urlencode({'q': MARKUP})}"):
        frame = looker.open(path)
        assert MARKUP in frame.locator("main").inner_text() or path.endswith("%3E")
        assert frame.locator("main img").count() == 0
    assert not [url for url in asked if url.endswith(("/x", "=x"))]
    assert looker.complaints == []


class _Foreign(BaseHTTPRequestHandler):
    """A page of another site that sends a form of ours by itself."""

    target = ""

    def do_GET(self) -> None:
        body = (
            f"<form method=post action='{self.target}'><input name=images value='a/b:1'>"
            "<input name=clusters value=eu-1></form><script>document.forms[0].submit()</script>"
        )
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as above
        """Keep silent."""


@pytest.fixture
def foreign_site(real_airflow: RealAirflow) -> Iterator[str]:
    """Serve that page."""
    handler = type("Foreign", (_Foreign,), {"target": f"{real_airflow.api.url}/preheat/warm"})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://localhost:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_another_site_starts_nothing(
    real_airflow: RealAirflow, look: Any, foreign_site: str
) -> None:
    """Whoever is logged in and opens a foreign page has started no run by that."""
    runs = "/dags/preheat_images/dagRuns?limit=1"
    before = real_airflow.api.call("GET", runs)["total_entries"]
    looker = look()
    with looker.page.expect_response("**/preheat/warm") as told:
        looker.page.goto(foreign_site)
    assert told.value.status in {401, 403}
    admin = real_airflow.people["admin"]
    form = {"images": "library/hello:1.0", "clusters": "eu-1"}
    assert admin.browse("POST", "/warm", data=form).status_code == 403
    assert real_airflow.api.call("GET", runs)["total_entries"] == before


class _Inline(HTMLParser):
    """Finds what a strict policy forbids: style, scripts and handlers inside of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        bad = [name for name in names if name == "style" or name.startswith("on")]
        if tag == "style" or (tag == "script" and "src" not in names):
            bad.append(tag)
        bad += [
            name for name in ("src", "href") if re.match("data:|javascript:", names.get(name) or "")
        ]
        self.found += [f"{tag} {name}" for name in bad]


def test_pages_are_strict_and_for_those_who_may_see_them(
    real_airflow: RealAirflow, invalid_policy: str
) -> None:
    """Each answers to the viewer without buttons; refuses nobody's and strangers' in words."""
    people = real_airflow.people
    html = {"Accept": "text/html"}
    for name, path in pages(real_airflow).items():
        shown = people["viewer"].browse("GET", path, headers=html)
        assert shown.status_code == (403 if name == "warm" else 200), name
        assert "hx-post" not in shown.text, name
        assert "script-src 'self'" in shown.headers["Content-Security-Policy"]
        parser = _Inline()
        parser.feed(people["admin"].browse("GET", path, headers=html).text)
        assert parser.found == [], name
        refused = people["nobody"].browse("GET", path, headers=html)
        assert (refused.status_code, "text/html" in refused.headers["Content-Type"]) == (403, True)
        stranger = people["stranger"].call("GET", path, headers=html)
        assert stranger.status_code == 401
        assert "/api/v2/auth/login?next=%2Fpreheat%2F" in stranger.text
    assert people["stranger"].call("GET", "/static/0/preheat.css").status_code == 401
    assert people["viewer"].browse("GET", "/static/0/preheat.css").status_code == 404


def test_whoever_may_not_start_runs_starts_none(real_airflow: RealAirflow) -> None:
    """A hidden button is no guard: each route looks for itself."""
    viewer = real_airflow.people["viewer"]
    image = an_image(real_airflow).removeprefix("/image?")
    ours = {"X-Preheat-Request": "page"}
    for path in (
        "/warm",
        f"/image/warm?{image}",
        f"/image/verify?{image}",
        f"/policies/{POLICY}/plan",
    ):
        answer = viewer.browse("POST", path, headers=ours, data={"images": "a/b", "clusters": "c"})
        assert answer.status_code == 403, path
