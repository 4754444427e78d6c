"""The coverage page and the API over 50,000 placements, beside a route that asks for 1."""

from __future__ import annotations

import shutil
import time
from statistics import median, quantiles
from typing import TYPE_CHECKING

import requests
from tests.crash.rig.databases import postgres

from benchmarks.apiserver import LOGIN, api_server
from benchmarks.figures import Figure
from benchmarks.fleet import CLUSTERS, POLICIES, fill
from benchmarks.world import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from rich.console import Console

__all__ = ["measure"]

PLACEMENTS = 50_000
_MOST_MS = 300.0
_ROUNDS = 15

_CHOICES: tuple[Mapping[str, str], ...] = (
    {},
    {"policy": POLICIES[7]},
    {"project": "project-33"},
    {"cluster": CLUSTERS[3]},
    {"verdict": "COLD"},
    {"cluster": CLUSTERS[5], "verdict": "PARTIAL"},
    {"q": "service-003"},
    {"q": "project-40/service-003:1.2"},
    {"q": "nothing-is-called-so"},
)


def measure(folder: Path, console: Console) -> list[Figure]:
    """Ask a real API server over PostgreSQL, one question after the other.

    :param folder: empty folder for all that is written.
    """
    plugins = folder / "plugins"
    shutil.copytree(ROOT / "plugins", plugins, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "benchmarks" / "select_plugin.py", plugins)
    with postgres() as database:
        url = database.ledger()
        console.print(f"coverage: writing {PLACEMENTS:,} placements")
        fill(url, PLACEMENTS)
        more = {"AIRFLOW__CORE__PLUGINS_FOLDER": str(plugins)}
        with api_server(folder / "airflow", url, more, knows_dags=True) as server:
            return list(_figures(_Visitor(server.url), console))


class _Visitor:
    """Somebody who is logged in, and waits for each answer before he asks again."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False
        answer = self._session.post(
            f"{url}/auth/token", json={"username": LOGIN, "password": LOGIN}, timeout=30
        )
        answer.raise_for_status()
        self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def times(self, path: str, choices: Sequence[Mapping[str, str]]) -> list[float]:
        """Ask with each choice several times; returns milliseconds."""
        for choice in choices:  # what is compiled or planned once
            self._ask(path, choice)
        return [self._ask(path, choice) for _ in range(_ROUNDS) for choice in choices]

    def deep(self) -> Mapping[str, str]:
        """Give the cursor of a page far behind the first."""
        cursor = ""
        for _ in range(20):
            answer = self._get("/preheat/api/v1/images", {"cursor": cursor, "limit": "200"})
            cursor = answer.json()["next"]
        return {"cursor": cursor}

    def _ask(self, path: str, choice: Mapping[str, str]) -> float:
        began = time.perf_counter()
        self._get(path, choice)
        return (time.perf_counter() - began) * 1000

    def _get(self, path: str, choice: Mapping[str, str]) -> requests.Response:
        answer = self._session.get(f"{self._url}{path}", params=choice, timeout=60)
        answer.raise_for_status()
        return answer


def _figures(visitor: _Visitor, console: Console) -> Iterator[Figure]:
    console.print("coverage: asking")
    choices = (*_CHOICES, visitor.deep())
    least = visitor.times("/bench/select", [{}] * len(choices))
    routes = {
        "coverage page": ("/preheat/", choices),
        "API, images": ("/preheat/api/v1/images", choices),
        "API, placements": ("/preheat/api/v1/placements", _CHOICES),
        "API, counts": ("/preheat/api/v1/coverage/counts", _CHOICES),
    }
    for name, (path, asked) in routes.items():
        took = visitor.times(path, asked)
        yield Figure(
            f"{name}, p50", median(took), "ms", reference=median(least), note=f"GET {path}"
        )
        # Two figures of one thing: what a person waits, and how much of that is ours.
        yield Figure(f"{name}, p95", _p95(took), "ms", most=_MOST_MS)
        yield Figure(f"{name}, p95 beside SELECT 1", _p95(took), "ms", reference=_p95(least))


def _p95(values: Sequence[float]) -> float:
    return quantiles(values, n=20, method="inclusive")[-1]
