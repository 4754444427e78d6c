"""What Airflow's provider manager is told about Preheat."""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Describe the provider (connection types and configuration follow)."""
    return {
        "package-name": "preheat",
        "name": "Preheat",
        "description": "Makes container images warm.",
    }
