"""What the manager refuses with 422, in the words of Go's JSON decoder and validator.

dragonfly: manager/types/job.go (binding tags); texts as recorded from v2.5.1.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BadRequest", "Envelope", "check_args", "decode", "parse_uint", "read_envelope"]

JOB_TYPES = ("preheat", "get_task", "delete_task", "get_image_distribution", "sync_peers", "gc")
_MAX_UINT = 2**64


class BadRequest(Exception):  # noqa: N818 - an answer rather than a fault
    """The caller's body or query is wrong; the text is Go's."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """The outer body of ``POST /jobs``."""

    type: str
    bio: str = ""
    args: dict[str, Any] = field(default_factory=dict, repr=False)
    user_id: int = 0
    scheduler_cluster_ids: tuple[int, ...] = ()


def decode(body: bytes) -> dict[str, Any]:
    """Read the first JSON value of a body, as Go's stream decoder does.

    :raises BadRequest: if it is no JSON object.
    """
    text = body.decode("utf-8", "replace").lstrip()
    if not text:
        raise BadRequest("EOF")
    try:
        value, _ = json.JSONDecoder().raw_decode(text)
    except json.JSONDecodeError as error:
        if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated"):
            raise BadRequest("unexpected EOF") from error
        shown = f"invalid character {text[error.pos]!r} looking for beginning of value"
        raise BadRequest(shown) from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        words = (
            f"json: cannot unmarshal {_kind(value)} into Go value of type types.CreateJobRequest"
        )
        raise BadRequest(words)
    return value


def read_envelope(body: bytes) -> Envelope:
    """Read the outer body.

    :raises BadRequest: on malformed JSON, wrong types or a missing ``type``.
    """
    raw = decode(body)
    where = "CreateJobRequest"
    args = raw.get("args")
    if args is not None and not isinstance(args, dict):
        raise _mismatch(args, f"{where}.args", "map[string]interface {}")
    envelope = Envelope(
        bio=_string(raw.get("bio"), f"{where}.bio") or "",
        type=_string(raw.get("type"), f"{where}.type") or "",
        args=args or {},
        user_id=_uint(raw.get("user_id"), f"{where}.user_id") or 0,
        scheduler_cluster_ids=tuple(
            _uint(item, f"{where}.scheduler_cluster_ids") or 0
            for item in _list(raw.get("scheduler_cluster_ids"), f"{where}.scheduler_cluster_ids")
        ),
    )
    if not envelope.type:
        raise BadRequest(failed("CreateJobRequest.Type", "required"))
    return envelope


def check_args(job_type: str, args: dict[str, Any]) -> None:
    """Check the arguments of one job type; empty arguments are not looked at (as in Go).

    :raises BadRequest: with every broken rule, or the first wrong type.
    """
    if job_type not in JOB_TYPES:
        raise BadRequest("Unknow type")
    struct, request, types = _SHAPES[job_type]
    for name, check in types.items():
        if args.get(name) is not None:
            check(args[name], f"{struct}.args.{name}")
    if not any(args.get(name) for name in types):
        return
    broken = [
        failed(f"{request}.Args.{_GO_NAMES[name]}", tag)
        for name, rule in _RULES.items()
        if name in types and (tag := rule(args.get(name), job_type))
    ]
    if broken:
        raise BadRequest("\n".join(broken))


def failed(path: str, tag: str) -> str:
    """Say a broken rule as Go's validator does."""
    name = path.rpartition(".")[2]
    return f"Key: '{path}' Error:Field validation for '{name}' failed on the '{tag}' tag"


def parse_uint(text: str) -> int:
    """Read an unsigned number out of a path or query.

    :raises BadRequest: in the words of Go's strconv.
    """
    if not text.isascii() or not text.isdigit():
        raise BadRequest(f'strconv.ParseUint: parsing "{text}": invalid syntax')
    return int(text)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    names: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (str, "string"),
        ((int, float), "number"),
        (list, "array"),
        (dict, "object"),
    )
    return next((name for kind, name in names if isinstance(value, kind)), "null")


def _mismatch(value: Any, path: str, wanted: str) -> BadRequest:
    return BadRequest(
        f"json: cannot unmarshal {_kind(value)} into Go struct field {path} of type {wanted}"
    )


def _string(value: Any, path: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise _mismatch(value, path, "string")


def _integer(kind: str, lowest: int) -> Callable[[Any, str], int | None]:
    def check(value: Any, path: str) -> int | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _mismatch(value, path, kind)
        if isinstance(value, float) or not lowest <= value < _MAX_UINT:
            words = f"json: cannot unmarshal number {value} into Go struct field {path} of type"
            raise BadRequest(f"{words} {kind}")
        return value

    return check


_uint = _integer("uint", 0)


def _list(value: Any, path: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise _mismatch(value, path, "[]uint" if path.endswith("ids") else "[]string")
    return value


def _strings(value: Any, path: str) -> None:
    for item in _list(value, path):
        _string(item, path)


def _map(value: Any, path: str) -> None:
    if not isinstance(value, dict):
        raise _mismatch(value, path, "map[string]string")
    for item in value.values():
        _string(item, path)


def _struct(value: Any, path: str) -> None:
    if not isinstance(value, dict):
        raise _mismatch(value, path, "types.ObjectStorage")


def _within(low: int, high: int, *, zero_is_absent: bool = False) -> Callable[[Any, str], str]:
    def rule(value: Any, _: str) -> str:
        if value is None or (zero_is_absent and value == 0):
            return ""
        size = len(value) if isinstance(value, list) else value
        return "gte" if size < low else "lte" if size > high else ""

    return rule


def _type_rule(value: Any, job_type: str) -> str:
    allowed = {"preheat": ("image", "file"), "gc": ("audit", "job")}[job_type]
    if not value:
        return "required"
    return "" if value in allowed else "oneof"


_int64 = _integer("int64", -(2**63))
_duration = _integer("time.Duration", -(2**63))
_TASK: dict[str, Callable[[Any, str], Any]] = {
    "url": _string,
    "piece_length": _integer("uint64", 0),
    "tag": _string,
    "application": _string,
    "filtered_query_params": _string,
    "timeout": _duration,
}
_IMAGE = {**_TASK, "headers": _map, "username": _string, "password": _string, "platform": _string}
_BY_ID = {"task_id": _string, **_TASK, "content_for_calculating_task_id": _string}
_PREHEAT = {
    "type": _string,
    **_IMAGE,
    "urls": _strings,
    "scope": _string,
    "ips": _strings,
    "percentage": _integer("uint8", 0),
    "count": _integer("uint32", 0),
    "concurrent_task_count": _int64,
    "concurrent_peer_count": _int64,
    "object_storage": _struct,
    "hdfs": _struct,
}
_SHAPES: dict[str, tuple[str, str, dict[str, Callable[[Any, str], Any]]]] = {
    "preheat": ("PreheatArgs", "CreatePreheatJobRequest", _PREHEAT),
    "get_task": (
        "GetTaskArgs",
        "CreateGetTaskJobRequest",
        {**_BY_ID, "concurrent_peer_count": _int64},
    ),
    "delete_task": ("DeleteTaskArgs", "CreateDeleteTaskJobRequest", _BY_ID),
    "get_image_distribution": (
        "GetImageDistributionArgs",
        "CreateGetImageDistributionJobRequest",
        {**_IMAGE, "concurrent_layer_count": _int64, "concurrent_peer_count": _int64},
    ),
    "sync_peers": ("SyncPeersArgs", "CreateSyncPeersJobRequest", {}),
    "gc": ("GCArgs", "CreateGCJobRequest", {"type": _string}),
}
_GO_NAMES = {
    "type": "Type",
    "piece_length": "PieceLength",
    "ips": "IPs",
    "percentage": "Percentage",
    "count": "Count",
    "concurrent_task_count": "ConcurrentTaskCount",
    "concurrent_peer_count": "ConcurrentPeerCount",
    "concurrent_layer_count": "ConcurrentLayerCount",
}
_RULES: dict[str, Callable[[Any, str], str]] = {
    "type": _type_rule,
    "piece_length": _within(4 * 1024 * 1024, 64 * 1024 * 1024),
    "ips": _within(1, 100),
    "percentage": _within(1, 100),
    "count": _within(1, 200),
    "concurrent_task_count": _within(1, 100, zero_is_absent=True),
    "concurrent_peer_count": _within(1, 1000, zero_is_absent=True),
    "concurrent_layer_count": _within(1, 100, zero_is_absent=True),
}
