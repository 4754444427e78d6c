"""``python -m benchmarks.evaluating FOLDER TASK``: one measurement in its own process, as JSON."""

from __future__ import annotations

import gc
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import policies
from benchmarks.memory import peak_megabytes
from benchmarks.pages import Pages
from preheat.catalogue import Catalogue
from preheat.policy.engine import evaluate
from preheat.policy.loader import load_clusters, load_policy

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.plan import Plan
    from preheat.policy.model import Policy

_REPEATS = 7
_MANY_REPEATS = 2
_SAMPLE = 10  # each n-th page makes the smaller catalogue
_CLUSTERS = load_clusters(policies.CLUSTERS, "clusters.yaml")


def _load(texts: dict[str, str]) -> list[Policy]:
    return [load_policy(text, f"{name}.yaml", _CLUSTERS) for name, text in texts.items()]


def _plan(policy: Policy, catalogue: Catalogue) -> Plan:
    """Evaluate, and look at what a run looks at: every decision's reason, and the placements."""
    made = evaluate(policy, catalogue, _CLUSTERS, datetime.now(UTC))
    made.counts()
    return made


def _one(pages: Pages) -> Plan:
    (policy,) = _load(policies.ONE)
    return _plan(policy, Catalogue.of(pages.artifacts()))


def _many(pages: Pages) -> int:
    catalogue = Catalogue.of(pages.artifacts())
    return sum(len(_plan(policy, catalogue).placements) for policy in _load(policies.MANY))


def _decode(pages: Pages) -> None:
    for file in pages.files:
        json.loads(file.read_bytes())


def _seconds(work: Callable[[], object]) -> float:
    """Processor seconds of this process: what else the machine does costs nothing here."""
    gc.collect()
    began = time.process_time()
    work()
    return time.process_time() - began


def _first(work: Callable[[Pages], object], pages: Pages) -> dict[str, Any]:
    """Do it once in this fresh process, then decode: memory, and time with nothing in any cache."""
    before = peak_megabytes()
    seconds = _seconds(lambda: work(pages))
    peak = peak_megabytes()
    return {
        "before": before,
        "peak": peak,
        "seconds": seconds,
        "decode": _seconds(lambda: _decode(pages)),
    }


def _times(folder: Path) -> dict[str, Any]:
    """Let all do their work in turns; the best of each counts."""
    all_pages, some_pages = Pages(folder), Pages(folder, every=_SAMPLE)
    works: dict[str, Callable[[], object]] = {
        "decode": lambda: _decode(all_pages),
        "one": lambda: _one(all_pages),
        # As often as makes it the same work: short measurements find quiet moments more easily.
        "one_of_some": lambda: [_one(some_pages) for _ in range(_SAMPLE)],
        "listing": lambda: Catalogue.of(all_pages.artifacts()),
        "every_decision": lambda: list(_one(all_pages).decisions),
    }
    best = dict.fromkeys([*works, "many"], float("inf"))
    for turn in range(_REPEATS):
        for name, work in works.items():
            best[name] = min(best[name], _seconds(work))
        if turn < _MANY_REPEATS:
            best["many"] = min(best["many"], _seconds(lambda: _many(all_pages)))
    plan = _one(all_pages)
    counts = {"artifacts": len(Catalogue.of(all_pages.artifacts())), "sample": 0}
    counts["sample"] = len(Catalogue.of(some_pages.artifacts()))
    best["one_of_some"] /= _SAMPLE
    return {**best, **counts, "placements": len(plan.placements), "reasons": plan.counts()}


def _main(folder: Path, task: str) -> dict[str, Any]:
    match task:
        case "times":
            return _times(folder)
        case "first of one":
            return _first(_one, Pages(folder))
        case "first of many":
            return _first(_many, Pages(folder))
    raise SystemExit(f"{task!r} is not times, first of one or first of many")


if __name__ == "__main__":
    print(json.dumps(_main(Path(sys.argv[1]), sys.argv[2])))  # noqa: T201 - read by the bench
