"""The app that Airflow's API server mounts at ``/preheat``: the door for Harbor's webhooks."""

from __future__ import annotations

from preheat.web.app import PREFIX, make_app

__all__ = ["PREFIX", "make_app"]
