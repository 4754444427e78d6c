"""Preheat's plugin: what the API server serves for us, and the task code, loaded once.

Scheduler and DAG processor load plugins, then fork a process for each task and each parse. With the
code in memory a fork costs nothing; without it each of them imports it anew, which takes most of a
second of CPU time.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import Asset

import preheat.provider.dags  # noqa: F401 - importing it is the purpose

Asset("warm://preheat")  # the first asset of a process imports what every provider says of assets


class PreheatPlugin(AirflowPlugin):
    """Make Preheat known to Airflow."""

    name = "preheat"

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:
        """Give what the API server mounts; nobody else asks, and nobody else imports it."""
        from preheat.web.app import PREFIX, make_app  # noqa: PLC0415

        return [{"name": "Preheat", "app": make_app(), "url_prefix": PREFIX}]

    @cached_property
    def external_views(self) -> list[dict[str, Any]]:
        """Give what Airflow's navigation shows; nobody but the API server needs it."""
        from preheat.web.view import navigation_entry  # noqa: PLC0415

        return [navigation_entry()]
