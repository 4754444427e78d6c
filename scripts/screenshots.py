"""Take the pictures of the page that the documentation shows: ``make screenshots``.

Starts a sandbox and an Airflow of its own, lets happen what happens to people (runs, pushes, a lost
layer, a lost disk, a misspelt policy), and looks at each page in Chromium, inside of Airflow. All
that the pictures show was counted by the programs that they show; only the moments of the trend
are moved apart afterwards, as if hours lay between the steps of the story and not a minute.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import requests
from sqlalchemy import select, update
from tests.web.browser.conftest import PHONE, SandboxHarbor, look_as, started_chromium
from tests.web.realairflow import RealAirflow, copied_clone, wait_for

from preheat.cli.demo.connections import WEBHOOK_AUTHORIZATION
from preheat.cli.demo.webhooks import install_webhook
from preheat.ledger import Shown
from preheat.ledger.engine import make_engine, parse_url, writing
from preheat.ledger.schema import tally

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Frame
    from tests.web.browser.conftest import Looker

    from preheat.ledger import ImageRow

__all__ = ["FOLDER", "NAMES", "SIZES", "THEMES"]

FOLDER = Path(__file__).parents[1] / "docs" / "pictures" / "screens"
THEMES = ("light", "dark")
_WIDTH = 1280
SIZES = {
    "image": (_WIDTH, 1010),
    "policies": (_WIDTH, 560),
    "invalid": (_WIDTH, 620),
    "plan": (_WIDTH, 1010),
    "run": (_WIDTH, 700),
    "events": (_WIDTH, 560),
    "health": (_WIDTH, 800),
    "asking": (_WIDTH, 900),
    "coverage": (_WIDTH, 1010),
    "phone": PHONE,
}
"""Width and height of each picture, in the order in which they are taken."""
NAMES = tuple(f"{name}-{theme}" for name in SIZES for theme in THEMES)

POLICY = "web-frontends"
LIBRARY = "library"
BROKEN = ("payments/checkout", "2.3.1")
ASKED = "team-a/api:2.3.0"
SECONDS = 60
APART = timedelta(hours=3)
LOADED = "[...document.images].every(one => one.complete)"
MISSPELT = """\
apiVersion: preheat/v1alpha1
kind: PreheatPolicy
metadata: {name: payments-release, description: What the payments team rolls out on Mondays}
spec:
  sources:
    - {registry: harbor_default, projects: [payments]}
  rules:
    - name: released
      repositries: {include: [{glob: "**"}]}
      take: {newest: 0}
  targets:
    - {cluster: eu-2, scope: all_seed_peers}
  triggers: {schedule: {cron: "0 4 * * mon", timezone: Europe/Berlin}}
"""


@dataclass
class Story:
    """What happens before and between the pictures.

    :param paths: of the pages, by the names of their pictures.
    """

    airflow: RealAirflow
    paths: dict[str, str] = field(default_factory=dict)

    @cached_property
    def harbor(self) -> SandboxHarbor:
        """What the sandbox's Harbor can be told to do."""
        return SandboxHarbor(self._harbor_url)

    @property
    def _harbor_url(self) -> str:
        return f"http://127.0.0.1:{self.airflow.harbor_port}"

    def _tell(self, peer: str, **order: Any) -> None:
        url = f"http://127.0.0.1:{self.airflow.dragonfly_port}/sandbox/peers/{peer}"
        requests.post(url, json=order, timeout=SECONDS).raise_for_status()

    def _push(self, repository: str, tag: str, **more: Any) -> None:
        order = {"repository": repository, "tags": [tag], **more}
        url = f"{self._harbor_url}/sandbox/images"
        requests.post(url, json=order, timeout=SECONDS).raise_for_status()

    def _image(self, name: str) -> ImageRow:
        """Find what is wanted warm under a name for the nodes' platform."""
        shown = Shown(text=name, everything=True)
        rows = self.airflow.ledger.overview.images(shown, limit=10).rows
        return next(row for row in rows if row.platform == "linux/amd64")

    @staticmethod
    def _path(image: ImageRow, **more: str) -> str:
        query = {"repository": image.repository, "digest": image.digest, **more}
        return f"/image?{urlencode(query)}"

    def live_a_day(self) -> None:
        """Let policies run, push images, and let upkeep look at all of it."""
        for policy in ("library-base", POLICY, "ml-serving"):
            self.airflow.run_to_its_end(f"preheat__{policy}")
        install_webhook(self._harbor_url, self.airflow.api.url, LIBRARY, WEBHOOK_AUTHORIZATION)
        for repository, tag in (("library/hello", "1.1"), ("library/nginx", "2.3.1")):
            self._push(repository, tag, platforms=["linux/amd64"])
        inbox = self.airflow.ledger.inbox
        wait_for(lambda: len(inbox.recent(handled=True)) > 1, 180)
        wait_for(lambda: not self.airflow.api.active_run("preheat_events"), 180)
        self.airflow.run_to_its_end("preheat_upkeep", {"check_all": True})

    def ask_for_a_release(self) -> None:
        """Type an image, one of whose layers the registry has lost."""
        order = {
            "images": ":".join(BROKEN),
            "clusters": ["eu-1", "us-1"],
            "reason": "Release 2.3.1",
        }
        run_id, _ = self.airflow.run_to_its_end("preheat_images", order)
        self.paths["image"] = self._path(self._image(":".join(BROKEN)))
        self.paths["run"] = f"/run?{urlencode({'dag_id': 'preheat_images', 'run_id': run_id})}"

    def look_at_a_plan(self) -> None:
        """Push a release, and look what its policy would do now."""
        self._push("web/frontend", "2.5.0", platforms=["linux/amd64"], labels=["approved"])
        self.airflow.run_to_its_end(f"preheat__{POLICY}", {"dry_run": True})
        plan = self.airflow.ledger.overview.plans(policy=POLICY, limit=1).rows[0]
        self.paths["plan"] = f"/plans/{plan.id}"

    def lose_a_disk(self) -> None:
        """Let a seed peer start empty, and verify an image there."""
        self._tell("10.78.0.11", wipe=True)
        ids = [
            cell.placement.id
            for cell in self._image("library/redis").cells
            if cell.placement.key.cluster == "us-1"
        ]
        order = {"placements": ids, "reason": "A node was replaced"}
        self.airflow.run_to_its_end("preheat_verify", order)

    def let_hours_pass(self) -> None:
        """Move the moments of the trend apart."""
        with writing(make_engine(parse_url(self.airflow.ledger_url))) as connection:
            times = connection.scalars(select(tally.c.taken_at).distinct()).all()
            for back, moment in enumerate(sorted(times, reverse=True)):
                earlier = update(tally).where(tally.c.taken_at == moment)
                connection.execute(earlier.values(taken_at=moment - back * APART))

    def ask_a_slow_peer(self) -> None:
        """Ask for an image while one of two seed peers takes its time."""
        self._tell("10.77.0.14", state="slow", delay_seconds=900)
        order = {"images": ASKED, "clusters": ["eu-1"], "reason": "Before the move"}
        run_id = self.airflow.api.start_run("preheat_images", order)
        overview, shown = self.airflow.ledger.overview, Shown(text=ASKED, everything=True)
        wait_for(lambda: any(cell.attempt_id for cell in overview.placements(shown).rows), 120)
        watched = f"preheat_images/{run_id}"
        self.paths["asking"] = self._path(self._image(ASKED), watch=watched)


class Photographer:
    """Somebody who looks at all pages, in both themes.

    :param story: says where they are.
    """

    def __init__(self, chromium: Browser, story: Story) -> None:
        self._story = story
        airflow = story.airflow
        self._lookers: dict[str, Looker] = {
            theme: look_as(chromium, airflow, "admin", SIZES["coverage"], theme) for theme in THEMES
        }

    def take(self, *names: str) -> None:
        """Take these pictures."""
        for name in names:
            for theme, looker in self._lookers.items():
                width, height = SIZES[name]
                looker.page.set_viewport_size({"width": width, "height": height})
                frame = looker.open(self._story.paths[name])
                _ready(name, frame)
                frame.wait_for_load_state("load")
                looker.page.wait_for_function(LOADED)
                file = FOLDER / f"{name}-{theme}.png"
                looker.page.screenshot(path=file, animations="disabled")
                print(f"{file.name}: {file.stat().st_size / 1000:.0f} kB")


def _ready(name: str, frame: Frame) -> None:
    """Do what a picture shows done."""
    if name == "plan":
        frame.get_by_label("Why is this image in the plan, or not?").fill("web/frontend:2.3.0")
        frame.get_by_role("button", name="Explain").click()
        frame.wait_for_selector("#explained article")
    if name == "asking":
        frame.wait_for_selector("article.placement table.layers")


def main() -> None:
    """Tell the story, and take the pictures."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="preheat-screens-") as home:
        policies = {"payments-release.yaml": MISSPELT}
        airflow = RealAirflow(**copied_clone(Path(home), policies))
        try:
            airflow.start()
            _tell_and_take(Story(airflow))
        finally:
            airflow.stop()


def _tell_and_take(story: Story) -> None:
    story.paths.update(
        coverage="/",
        phone="/",
        policies="/policies",
        invalid="/policies/payments-release",
        events="/events",
        health="/health",
    )
    story.live_a_day()
    lost = story.harbor.last_layer(*BROKEN)
    with started_chromium() as chromium, story.harbor.without(lost):
        story.ask_for_a_release()
        story.look_at_a_plan()
        story.lose_a_disk()
        story.let_hours_pass()
        photographer = Photographer(chromium, story)
        photographer.take("image", "policies", "invalid", "plan", "run", "events", "health")
        story.ask_a_slow_peer()
        photographer.take("asking", "coverage", "phone")


if __name__ == "__main__":
    main()
