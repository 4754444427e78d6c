"""Our entry in Airflow's navigation: the pages, in a frame of Airflow's.

What Airflow 3.3.2's frame allows (tried in Chromium): scripts, its own site's storage, forms and
downloads, but no pop-up, no dialogue and no navigation of the window around it.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from airflow.sdk.configuration import conf

from preheat.web.pages.assets import asset_path

__all__ = ["PREFIX", "navigation_entry"]

PREFIX = "/preheat"
"""Where Airflow mounts the app."""


def navigation_entry() -> dict[str, Any]:
    """Describe it as Airflow's plugins do; addresses are below the path that Airflow has."""
    root = urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/") + PREFIX
    return {
        "name": "Preheat",
        "href": f"{root}/",
        "destination": "nav",
        "url_route": "preheat",
        "icon": f"{root}{asset_path('icon.svg')}",
        "icon_dark_mode": f"{root}{asset_path('icon-dark.svg')}",
        "nav_top_level": True,
    }
