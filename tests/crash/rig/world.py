"""The stand-ins of one cell, ordered about over their control API, and what they truly know."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import requests

from preheat.sandbox import serve
from preheat.sandbox.dragonfly import ManagerSettings
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from preheat.placement import PlacementKey
    from preheat.sandbox import Sandbox

__all__ = ["CLOCK_FACTOR", "PLACEMENTS", "WAIT_SECONDS", "Hold", "World", "until", "worlds"]

PLACEMENTS = 20
CLOCK_FACTOR = 0.02
WAIT_SECONDS = 240.0
_CALL_SECONDS = 60
_ROBOT = ("robot$preheat", "preheat-sandbox-robot")


def until(
    happened: Callable[[], Any],
    what: str,
    seconds: float = WAIT_SECONDS,
    *,
    pause: float = 0.1,
    despite: tuple[type[Exception], ...] = (),
) -> None:
    """Wait for something to become true; this is for watching, never for hoping.

    :param despite: errors that only mean that it has not happened yet.
    :raises TimeoutError: if it does not happen in time.
    """
    end = time.monotonic() + seconds
    while True:
        with suppress(*despite):
            if happened():
                return
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:.0f} s for {what}")
        threading.Event().wait(pause)


@dataclass
class Hold:
    """Requests kept in flight until the server's orders are cleared.

    :param url: of the server that keeps them.
    :param order: what the control API was told.
    """

    world: World
    url: str
    order: dict[str, Any]

    @property
    def held(self) -> int:
        """How many are kept now."""
        found = self.world.control("GET", self.url, "/sandbox/faults")
        ours = [fault for fault in found if (fault["match"], fault["hold"]) == self._mark]
        return sum(fault["held"] for fault in ours)

    @property
    def _mark(self) -> tuple[Any, Any]:
        return self.order["match"], self.order.get("hold")

    def wait(self, count: int, seconds: float = WAIT_SECONDS) -> None:
        """Wait until so many are kept."""
        until(lambda: self.held >= count, f"{count} held requests {self.order}", seconds)

    def release(self) -> None:
        """Let all go on; takes back every order of this server."""
        self.world.control("DELETE", self.url, "/sandbox/faults")


@dataclass
class World:
    """Both stand-ins, and every preheat job that was ever seen there.

    :param jobs: by id, also those whose rows have vanished meanwhile.
    """

    sandbox: Sandbox
    jobs: dict[int, dict[str, Any]] = field(default_factory=dict)
    _session: requests.Session = field(default_factory=requests.Session)
    _images: dict[str, dict[str, Any]] = field(default_factory=dict)

    def control(self, method: str, url: str, path: str, body: object = None) -> Any:
        """Call one control route."""
        answer = self._session.request(method, url + path, json=body, timeout=_CALL_SECONDS)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    @property
    def harbor(self) -> str:
        """URL of the registry stand-in."""
        return self.sandbox.harbor_url

    @property
    def manager(self) -> str:
        """URL of the manager stand-in."""
        return self.sandbox.dragonfly_url

    def push(self, cell: str, count: int = PLACEMENTS) -> list[str]:
        """Push the images of a cell; the last one's last layer cannot be read, and stays so."""
        names = [f"{cell}/app-{number:02d}" for number in range(count)]
        for name in names:
            image = {"repository": name, "tags": ["1"], "seed": name, "layers": [700, 900]}
            self._images[name] = self.control("POST", self.harbor, "/sandbox/images", image)
        spoilt = self._images[names[-1]]["blobs"][-1]["digest"]
        self.control("POST", self.harbor, f"/sandbox/blobs/{spoilt}", {"state": "unreadable"})
        return names

    def image(self, name: str) -> dict[str, Any]:
        """Describe a pushed image: digest and blobs."""
        return self._images[name]

    def fault(self, url: str, **order: Any) -> Hold:
        """Order any fault."""
        self.control("POST", url, "/sandbox/faults", order)
        return Hold(self, url, {"match": {"method": None, "path": None, "headers": {}}} | order)

    def hold(self, url: str, when: str, match: dict[str, Any], **order: Any) -> Hold:
        """Keep the requests that match."""
        full = {"method": None, "path": None, "headers": {}} | match
        return self.fault(url, **{"match": full, "times": None, "hold": when, **order})

    def hold_tokens(self) -> Hold:
        """Keep whoever asks the registry for a pull token: the step before a POST."""
        return self.hold(self.harbor, "before", {"path": "^/service/token"})

    def hold_posts(self, when: str, *, skip: int = 0, count: int | None = None) -> Hold:
        """Keep POSTs of jobs, before or after the manager acts on them.

        :param skip: how many pass first.
        :param count: how many are kept at most.
        """
        match = {"method": "POST", "path": "^/oapi/v1/jobs"}
        return self.hold(self.manager, when, match, skip=skip, times=count)

    def hold_blobs(self) -> Hold:
        """Keep the peers from fetching, so that jobs stay pending."""
        match = {"path": "/blobs/", "headers": {"User-Agent": "dragonfly-peer"}}
        return self.hold(self.harbor, "before", match)

    def see_jobs(self) -> list[dict[str, Any]]:
        """Note the jobs that are there now; returns their rows."""
        rows: list[dict[str, Any]] = self.control("GET", self.manager, "/sandbox/jobs")["jobs"]
        self.jobs.update({row["id"]: row for row in rows if row["type"] == "preheat"})
        return rows

    def jobs_of(self, cell: str) -> list[dict[str, Any]]:
        """Find the jobs ever seen for a cell."""
        return [job for job in self.jobs.values() if f"/{cell}/" in job["url"]]

    def expire(self) -> None:
        """Let every row vanish, noted before."""
        self.see_jobs()
        self.control("POST", self.manager, "/sandbox/expire")

    def release_all(self) -> None:
        """Take back every order of both servers."""
        for url in (self.harbor, self.manager):
            self.control("DELETE", url, "/sandbox/faults")

    def wait_for_work(self) -> None:
        """Wait until the schedulers have ended all that was queued."""
        until(lambda: all(row["work_ended"] for row in self.see_jobs()), "the end of the work")

    def restart_manager(self) -> None:
        """Kill the manager's process and start it: connections break, its jobs stay pending."""
        self.see_jobs()
        self.sandbox.dragonfly.restart()

    def lose_jobs(self) -> None:
        """Let so much time pass at the manager that a pending job counts as lost."""
        self.wait_for_work()
        self.control("POST", self.manager, "/sandbox/advance", {"seconds": 4000})

    def copies(self, cluster: int = 1) -> set[str]:
        """Collect the URLs of which a seed of the cluster holds a whole copy."""
        peers = self.control("GET", self.manager, "/sandbox/peers")
        return {
            copy["url"]
            for peer in peers
            if peer["kind"] == "seed" and peer["cluster"] == cluster
            for copy in peer["copies"]
            if copy["complete"]
        }

    def truth(self, key: PlacementKey, copies: set[str]) -> Verdict:
        """Tell what is true of a placement on one seed, whatever anybody says."""
        wanted = {key.blob_url(blob["digest"]) for blob in self._images[key.repository]["blobs"]}
        if wanted <= copies:
            return Verdict.WARM
        return Verdict.PARTIAL if wanted & copies else Verdict.COLD

    def fetched_twice(self, cell: str) -> int:
        """Count the blobs of a cell that one peer fetched more than once, whole."""
        log = self.control("GET", self.harbor, f"/sandbox/requests?path=/v2/{cell}/")
        # A fetch of these small blobs is one answer 206 or 200 after the probe of one byte.
        seen: dict[tuple[str, str], int] = {}
        for entry in log:
            if entry["peer"] and "/blobs/" in entry["path"]:
                what = (entry["peer"], entry["path"])
                seen[what] = seen.get(what, 0) + 1
        return sum(count > _REQUESTS_A_FETCH for count in seen.values())


_REQUESTS_A_FETCH = 2


def worlds(**settings: Any) -> Iterator[World]:
    """Serve the stand-ins; job rate unlimited, because that is not what dies here."""
    manager = ManagerSettings(clock_factor=CLOCK_FACTOR, job_rate_limit=1000, **settings)
    with serve(catalogue="empty", settings=manager) as sandbox:
        yield World(sandbox)
