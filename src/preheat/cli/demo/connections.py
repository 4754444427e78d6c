"""The connections to the sandbox, which have no secret to keep."""

from __future__ import annotations

import json

__all__ = ["ROBOT", "ROBOT_SECRET", "WEBHOOK_AUTHORIZATION", "sandbox_connections"]

ROBOT = "robot$preheat"
ROBOT_SECRET = "preheat-sandbox-robot"  # noqa: S105 - it guards nothing
WEBHOOK_AUTHORIZATION = "Bearer preheat-sandbox-webhook"


def sandbox_connections(
    harbor_port: int, dragonfly_port: int, clock_factor: float
) -> dict[str, dict[str, str]]:
    """Describe both connections, as Airflow's REST API takes them.

    :param clock_factor: how fast the sandbox's manager lives.
    """
    return {
        "harbor_default": {
            "conn_type": "harbor",
            "host": f"http://127.0.0.1:{harbor_port}",
            "login": ROBOT,
            "password": ROBOT_SECRET,
            "extra": json.dumps({"webhook_authorization": WEBHOOK_AUTHORIZATION}),
        },
        "dragonfly_default": {
            "conn_type": "dragonfly",
            "host": f"http://127.0.0.1:{dragonfly_port}",
            "password": "preheat-sandbox-token",
            "extra": json.dumps({"clock_factor": clock_factor}),
        },
    }
