"""Policies over 100,000 artifacts beside the bare decoding of the same pages."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from benchmarks.figures import Figure
from benchmarks.pages import write_pages
from benchmarks.policies import MANY
from benchmarks.world import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

__all__ = ["measure"]

ARTIFACTS = 100_000
_TASK_SECONDS = 1800


def measure(folder: Path, console: Console) -> list[Figure]:
    """Write the pages once, then measure in fresh processes."""
    console.print(f"policy: a sandbox of {ARTIFACTS} artifacts, its pages written to files")
    pages = folder / "pages"
    pages.mkdir()
    write_pages(pages, ARTIFACTS)
    console.print("policy: one policy and many, each first in a process of its own")
    one, many = _run(pages, "first of one"), _run(pages, "first of many")
    console.print("policy: times, all in turns")
    times = _run(pages, "times")
    size = sum(file.stat().st_size for file in pages.glob("*.json")) / 1e6
    reasons = ", ".join(f"{count} {code}" for code, count in times["reasons"].items())
    return [
        *_goals(times, f"{size:.0f} MB of pages; {times['placements']} placements; {reasons}"),
        _memory("peak memory, one policy", one),
        _memory(f"peak memory, {len(MANY)} policies", many),
        *_parts(times),
        Figure(
            name="one policy, first thing in its process",
            ours=one["seconds"],
            reference=one["decode"],
            unit="s",
            note="once, nothing in any cache; json.loads right after",
        ),
    ]


def _goals(times: dict[str, Any], note: str) -> list[Figure]:
    count, sample = times["artifacts"], times["sample"]
    return [
        Figure(
            name=f"{count} artifacts, one policy, pages to plan",
            ours=times["one"],
            reference=times["decode"],
            unit="s",
            most=2.0,
            note=f"json.loads of the same pages; {note}",
        ),
        Figure(
            name=f"{count} artifacts, {len(MANY)} policies, pages to plans",
            ours=times["many"],
            reference=times["decode"],
            unit="s",
            most=12.0,
            note="json.loads of the same pages, once",
        ),
        Figure(
            name=f"an artifact of {count}",
            ours=times["one"] / count * 1e6,
            reference=times["one_of_some"] / sample * 1e6,
            unit="us",
            most=1.15,
            note=f"an artifact of {sample}: every tenth page of the same",
        ),
    ]


def _memory(name: str, measured: dict[str, float]) -> Figure:
    note = f"of a process of its own; our code and Python take {measured['before']:.0f} MB of it"
    return Figure(name=name, ours=measured["peak"], unit="MB", most=600.0, note=note)


def _parts(times: dict[str, Any]) -> list[Figure]:
    """Tell what the first goal consists of."""
    return [
        Figure(name="listing and arranging alone", ours=times["listing"], unit="s"),
        Figure(
            name="evaluating one policy",
            ours=times["one"] - times["listing"],
            unit="s",
            note="the difference",
        ),
        Figure(
            name="evaluating each of the many",
            ours=(times["many"] - times["listing"]) / len(MANY),
            unit="s",
        ),
        Figure(
            name="one policy, with every decision read",
            ours=times["every_decision"],
            unit="s",
            note="as the ledger does when it keeps them",
        ),
    ]


def _run(pages: Path, task: str) -> dict[str, Any]:
    ended = subprocess.run(  # noqa: S603 - our own fixed command
        [sys.executable, "-m", "benchmarks.evaluating", str(pages), task],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=_TASK_SECONDS,
        check=False,
    )
    if ended.returncode != 0:
        raise RuntimeError(f"{task} failed: {ended.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found
