"""Parsing the DAG file with 200 policies, each time in a fresh process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.figures import Figure
from benchmarks.world import ROOT

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["measure"]

POLICIES = 200
_REPEATS = 3
_PROBE = """\
import json, runpy, sys, time
import airflow.sdk
from airflow import DAG
start = time.perf_counter()
import preheat.provider.dags
loaded = time.perf_counter()
found = runpy.run_path(sys.argv[1])
parsed = time.perf_counter()
dags = [value for name, value in found.items() if name.startswith("preheat__")]
print(json.dumps({
    "load": loaded - start,
    "parse": parsed - loaded,
    "dags": len(dags),
    "invalid": sum("invalid" in dag.tags for dag in dags),
}))
"""


def measure(folder: Path, console: Console) -> list[Figure]:
    """Parse as the DAG processor does, whose memory holds our code (``plugins/``)."""
    console.print(f"parsing: {POLICIES} policies, {_REPEATS} fresh processes")
    dag_file = _lay_out(folder)
    measured = [_probe(folder, dag_file) for _ in range(_REPEATS)]
    for one in measured:
        if (one["dags"], one["invalid"]) != (POLICIES, 0):
            raise RuntimeError(f"the DAG file gave {one}, not {POLICIES} valid DAGs")
    return [
        Figure(
            name=f"parsing the DAG file, {POLICIES} policies",
            ours=median(one["parse"] for one in measured),
            unit="s",
            most=1.0,
            note="median of fresh processes; Airflow and our code in memory",
        ),
        Figure(
            name="loading our code",
            ours=median(one["load"] for one in measured),
            unit="s",
            note="once in each process of Airflow, before it forks",
        ),
    ]


def _lay_out(folder: Path) -> Path:
    (folder / "dags").mkdir()
    policies = folder / "include" / "policies"
    policies.mkdir(parents=True)
    shutil.copy(ROOT / "include" / "clusters.yaml", folder / "include")
    shipped = sorted((ROOT / "include" / "policies").glob("*.yaml"))
    for number in range(POLICIES):
        source = shipped[number % len(shipped)]
        name = f"{source.stem}-{number:03d}"
        text = source.read_text(encoding="utf-8")
        text = text.replace(f"name: {source.stem}\n", f"name: {name}\n", 1)
        (policies / f"{name}.yaml").write_text(text, encoding="utf-8")
    return Path(shutil.copy(ROOT / "dags" / "preheat_policies.py", folder / "dags"))


def _probe(folder: Path, dag_file: Path) -> dict[str, float]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW")}
    ended = subprocess.run(  # noqa: S603 - our own fixed command
        [sys.executable, "-c", _PROBE, str(dag_file)],
        env={**environment, "AIRFLOW_HOME": str(folder / "home")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if ended.returncode != 0:
        raise RuntimeError(f"parsing failed: {ended.stderr[-2000:]}")
    found: dict[str, float] = json.loads(ended.stdout.splitlines()[-1])
    return found
