"""Preheat's plugin: loads the task code once, before Airflow forks the processes that run it.

Scheduler and DAG processor load plugins, then fork a process for each task and each parse. With the
code in memory a fork costs nothing; without it each of them imports it anew, which takes most of a
second of CPU time.
"""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import Asset

import preheat.provider.dags  # noqa: F401 - importing it is the purpose

Asset("warm://preheat")  # the first asset of a process imports what every provider says of assets


class PreheatPlugin(AirflowPlugin):
    """Make Preheat known to Airflow."""

    name = "preheat"
