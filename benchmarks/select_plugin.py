"""The least that could answer from the ledger: a route that asks it for 1."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin  # noqa: TID251 - a plugin

__all__ = ["SelectPlugin"]


class SelectPlugin(AirflowPlugin):
    """Serve the reference."""

    name = "bench_select"

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:
        """Give the app; nobody but the API server asks."""
        from fastapi import FastAPI  # noqa: PLC0415, TID251 - as in our own plugin
        from sqlalchemy import text  # noqa: PLC0415

        from preheat.ledger import engine  # noqa: PLC0415
        from preheat.provider.config import open_ledger  # noqa: PLC0415

        app = FastAPI()

        @app.get("/select")
        def select() -> int:
            with engine.reading(open_ledger()._engine) as connection:  # noqa: SLF001 - the same pool
                return int(connection.scalar(text("SELECT 1")) or 0)

        return [{"name": "Bench", "app": app, "url_prefix": "/bench"}]
