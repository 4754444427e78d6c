"""What runs, and whether the policy files can be used."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from preheat.doctor.observations import Observation, State
from preheat.rendering import count_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from preheat.doctor.setup import Setup

__all__ = ["policies", "versions"]


def versions(setup: Setup) -> Iterator[Observation]:
    """Tell what a report of a mistake should name."""
    python = platform.python_version()
    detail = f"Preheat {setup.version}, Airflow {setup.airflow.version}, Python {python}"
    yield Observation("Preheat", "versions", State.OK, detail)


def policies(setup: Setup) -> Iterator[Observation]:
    """Tell which files select nothing because they are wrong."""
    broken = [entry.name for entry in setup.policies if entry.policy is None or entry.problems]
    if broken:
        detail = f"{len(broken)} of {len(setup.policies)} have problems: {', '.join(broken)}"
        advice = "`preheat policy check` says what is wrong, with file and line"
        yield Observation("Preheat", "policies", State.WRONG, detail, advice)
    else:
        policies, clusters = len(setup.policies), len(setup.clusters)
        detail = f"{count_of(policies, 'policy')}, {count_of(clusters, 'cluster')}"
        yield Observation("Preheat", "policies", State.OK, detail)
