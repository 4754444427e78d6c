"""Job arguments as the manager stores and echoes them: every field, defaults filled in.

dragonfly: manager/service/job.go; secrets come back in clear, as they do for real.
"""

from __future__ import annotations

from typing import Any

from preheat.sandbox.dragonfly.blobs import DEFAULT_FILTER

__all__ = ["fill_defaults"]

_HOUR = 3_600_000_000_000
_TASK: dict[str, Any] = {
    "application": "",
    "filtered_query_params": DEFAULT_FILTER,
    "piece_length": None,
    "tag": "",
    "timeout": _HOUR,
    "url": "",
}
_IMAGE: dict[str, Any] = {
    **_TASK,
    "concurrent_peer_count": 500,
    "headers": None,
    "password": "",
    "platform": "",
    "username": "",
}
_BY_ID: dict[str, Any] = {**_TASK, "content_for_calculating_task_id": None, "task_id": ""}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "preheat": {
        **_IMAGE,
        "concurrent_task_count": 8,
        "count": None,
        "hdfs": None,
        "ips": None,
        "object_storage": None,
        "percentage": None,
        "scope": "single_seed_peer",
        "type": "",
        "urls": None,
    },
    "get_task": {**_BY_ID, "concurrent_peer_count": 500},
    "delete_task": _BY_ID,
    "get_image_distribution": {**_IMAGE, "concurrent_layer_count": 8},
    "gc": {"batch_size": 5000, "ttl": 21_600_000_000_000, "type": "job"},
}


def fill_defaults(job_type: str, args: dict[str, Any]) -> dict[str, Any]:
    """Keep the known arguments in the order of their names; empty ones get their default."""
    defaults = _DEFAULTS[job_type]
    return {name: args.get(name) or defaults[name] for name in sorted(defaults)}
