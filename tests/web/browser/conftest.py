"""A real Chromium that looks at the pages inside of a real Airflow, and hears every complaint."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from playwright.sync_api import Browser, Frame, Page, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.web.realairflow import RealAirflow

SHELL = "/plugin/preheat"
NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# What Chromium says of any frame that Airflow makes for a plugin.
OF_AIRFLOWS_FRAME = "An iframe which has both allow-scripts and allow-same-origin"
DESKTOP = (1400, 900)
PHONE = (390, 844)


@contextmanager
def started_chromium() -> Iterator[Browser]:
    """Start the browser that ``make browser`` found.

    :raises FileNotFoundError: if there is none.
    """
    named = os.environ.get("PREHEAT_CHROMIUM")
    found = named or next((path for name in NAMES if (path := shutil.which(name))), None)
    arguments = [*QUIET, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        place = found or playwright.chromium.executable_path
        if not Path(place).is_file():
            raise FileNotFoundError("There is no Chromium: run make browser.")
        browser = playwright.chromium.launch(executable_path=place, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Give one browser to all tests of a file.

    Playwright keeps an event loop in this thread meanwhile, in which nothing else can run one: it
    must be gone before the next file.
    """
    with started_chromium() as browser:
        yield browser


@dataclass
class Looker:
    """Somebody who looks at Airflow in a browser.

    :param complaints: of the browser: errors and warnings of its console, failed scripts.
    """

    airflow: RealAirflow
    page: Page
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Listen from the beginning."""
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))

    def _hear(self, message: Any) -> None:
        if message.type in {"error", "warning"} and OF_AIRFLOWS_FRAME not in message.text:
            self.complaints.append(f"{message.type}: {message.text}")

    @property
    def frame(self) -> Frame:
        """Our page in Airflow's frame."""
        handle = self.page.wait_for_selector(f"iframe[src*='{'/preheat/'}']")
        frame = handle.content_frame() if handle else None
        assert frame is not None
        return frame

    def open(self, path: str) -> Frame:
        """Open one of our pages inside of Airflow, as a link to it does."""
        self.page.goto(f"{self.airflow.api.url}{SHELL}/preheat{path}")
        frame = self.frame
        frame.wait_for_selector("main h1")
        return frame

    def go(self, path: str) -> Frame:
        """Go to another of our pages in the frame that is there."""
        frame = self.frame
        frame.goto(f"{self.airflow.api.url}/preheat{path}")
        frame.wait_for_selector("main h1")
        return frame

    def picture(self, name: str) -> None:
        """Keep a picture where PREHEAT_PICTURES names a folder, for people."""
        if folder := os.environ.get("PREHEAT_PICTURES"):
            self.page.screenshot(path=Path(folder) / f"{name}.png")


def look_as(
    chromium: Browser, airflow: RealAirflow, who: str, size: tuple[int, int], theme: str
) -> Looker:
    """Log in as somebody, with a window of this size and a theme."""
    width, height = size
    context = chromium.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if theme == "dark" else "light",
    )
    context.set_default_timeout(60_000)
    if token := airflow.people[who].token:
        context.add_cookies([{"name": "_token", "value": token, "url": airflow.api.url}])
    context.add_init_script(
        f"localStorage.getItem('theme') ?? localStorage.setItem('theme', '{theme}')"
    )
    return Looker(airflow, context.new_page())


@pytest.fixture
def look(real_airflow: RealAirflow, chromium: Browser) -> Iterator[Callable[..., Looker]]:
    """Give a way to log in as somebody and look."""
    opened = []

    def make(who: str = "admin", size: tuple[int, int] = DESKTOP, theme: str = "light") -> Looker:
        looker = look_as(chromium, real_airflow, who, size, theme)
        opened.append(looker.page.context)
        return looker

    yield make
    for context in opened:
        context.close()


class SandboxHarbor:
    """What the sandbox's Harbor can be told to do.

    :param url: where it listens.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def last_layer(self, repository: str, reference: str) -> str:
        """Name the last layer of an image for linux/amd64."""
        query = {"repository": repository, "reference": reference}
        answer = requests.get(f"{self._url}/sandbox/images", params=query, timeout=30)
        return str(answer.json()["platforms"]["linux/amd64"]["blobs"][-1]["digest"])

    @contextmanager
    def without(self, layer: str) -> Iterator[None]:
        """Lose a layer for a while."""
        self._set(layer, "unreadable")
        try:
            yield
        finally:
            self._set(layer, "ok")

    def _set(self, layer: str, state: str) -> None:
        url = f"{self._url}/sandbox/blobs/{layer}"
        requests.post(url, json={"state": state}, timeout=30).raise_for_status()


@pytest.fixture
def harbor(real_airflow: RealAirflow) -> SandboxHarbor:
    """Give the sandbox's Harbor."""
    return SandboxHarbor(f"http://127.0.0.1:{real_airflow.harbor_port}")
