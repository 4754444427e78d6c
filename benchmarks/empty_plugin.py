"""Loads the reference's code before Airflow forks, as Preheat's plugin does with ours."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin  # noqa: TID251 - a plugin

import benchmarks.empty  # noqa: F401 - importing it is the purpose


class EmptyPlugin(AirflowPlugin):
    """Make the reference known to Airflow."""

    name = "bench_empty"
