"""What Airflow's provider manager is told: connection types, their forms, configuration."""

from __future__ import annotations

from typing import Any

from preheat import __version__

__all__ = ["get_provider_info"]

_TLS_FIELDS = {
    "verify_tls": {
        "label": "Verify TLS",
        "description": "Leave on. Off accepts any certificate: for a trial on your own machine.",
        "schema": {"type": ["boolean", "null"], "default": True},
    },
    "ca_file": {
        "label": "CA file",
        "description": "Path, on every Airflow machine, of the PEM file with your own authority.",
        "schema": {"type": ["string", "null"]},
    },
}

_HARBOR = {
    "connection-type": "harbor",
    "hook-class-name": "preheat.provider.hooks.harbor.HarborHook",
    "hook-name": "Harbor",
    "ui-field-behaviour": {
        "hidden-fields": ["schema", "port"],
        "relabeling": {"host": "URL", "login": "Robot name", "password": "Robot secret"},
        "placeholders": {
            "host": "https://harbor.example.com",
            "login": "robot$preheat",
            "password": "the secret shown when the robot was made",
        },
    },
    "conn-fields": {
        **_TLS_FIELDS,
        # Airflow masks what has "authorization" in its name.
        "webhook_authorization": {
            "label": "Webhook authorization",
            "description": (
                "What Harbor's webhooks must send as the header Authorization, such as Bearer and "
                "32 random characters. Empty: no webhook of this Harbor is let in."
            ),
            "schema": {"type": ["string", "null"], "format": "password"},
        },
        "webhook_authorization_previous": {
            "label": "Previous webhook authorization",
            "description": "Let in too, while webhooks are changed to a new one; then empty it.",
            "schema": {"type": ["string", "null"], "format": "password"},
        },
    },
}

_DRAGONFLY = {
    "connection-type": "dragonfly",
    "hook-class-name": "preheat.provider.hooks.dragonfly.DragonflyHook",
    "hook-name": "Dragonfly",
    "ui-field-behaviour": {
        "hidden-fields": ["schema", "port", "login"],
        "relabeling": {"host": "Manager URL", "password": "Personal access token"},
        "placeholders": {
            "host": "https://dragonfly-manager.example.com:8080",
            "password": "a token with the scopes job and cluster",
        },
    },
    "conn-fields": {
        **_TLS_FIELDS,
        "console_url": {
            "label": "Console URL",
            "description": "Where people open the Dragonfly console, if not at the manager's.",
            "schema": {"type": ["string", "null"]},
        },
        "clock_factor": {
            "label": "Clock factor",
            "description": "1 for a real manager. The sandbox runs faster and says how much.",
            "schema": {"type": ["number", "null"], "default": 1},
        },
    },
}

_CONFIG = {
    "preheat": {
        "description": "Where Preheat keeps its ledger and finds its files.",
        "options": {
            "ledger_url": {
                "description": (
                    "SQLAlchemy URL of the ledger. SQLite serves one machine with LocalExecutor; "
                    "use PostgreSQL (postgresql+psycopg://…) for anything larger."
                ),
                "version_added": "0.1.0",
                "type": "string",
                "example": "postgresql+psycopg://preheat:…@db.example.com/preheat",
                "default": "sqlite:///{AIRFLOW_HOME}/preheat.db",
                "sensitive": True,
            },
            "include_dir": {
                "description": (
                    "Folder with clusters.yaml and policies/. Empty: include, beside dags."
                ),
                "version_added": "0.1.0",
                "type": "string",
                "example": "/opt/airflow/include",
                "default": "",
            },
            "retention": {
                "description": (
                    "How long the ledger keeps old plans and attempts; at least 7d. The last plan "
                    "of a policy and the last proof of an image stay for ever."
                ),
                "version_added": "0.1.0",
                "type": "string",
                "example": "30d",
                "default": "90d",
            },
        },
    }
}

_INTEGRATION = "Preheat"


def get_provider_info() -> dict[str, Any]:
    """Describe the provider, in the shape of Airflow's ``provider_info.schema.json``."""
    return {
        "package-name": "preheat",
        "name": "Preheat",
        "description": "Makes container images warm in Dragonfly before anyone pulls them.",
        "versions": [__version__],
        "integrations": [
            {
                "integration-name": _INTEGRATION,
                "external-doc-url": "https://goharbor.io/docs/administration/p2p-preheat/",
                "tags": ["service"],
            }
        ],
        "hooks": [_modules("hooks.harbor", "hooks.dragonfly")],
        "operators": [
            _modules(
                *("operators.plan", "operators.placements", "operators.report"),
                *("operators.approval", "operators.doctor"),
                *("operators.upkeep", "operators.upkeepreport", "operators.events"),
                *("operators.recheck", "operators.verifyreport"),
            )
        ],
        "sensors": [_modules("sensors.dragonfly")],
        "triggers": [_modules("triggers.dragonfly", "triggers.events")],
        "extra-links": [
            "preheat.provider.links.HarborArtifactLink",
            "preheat.provider.links.DragonflyJobLink",
        ],
        "connection-types": [_HARBOR, _DRAGONFLY],
        "config": _CONFIG,
    }


def _modules(*names: str) -> dict[str, Any]:
    return {
        "integration-name": _INTEGRATION,
        "python-modules": [f"preheat.provider.{name}" for name in names],
    }
