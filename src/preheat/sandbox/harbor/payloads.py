"""What a webhook carries, in both of Harbor's formats, key for key as recorded.

Source: harbor: src/pkg/notifier/formats, src/pkg/notifier/model/event.go (recorded:
webhook-push-artifact, webhook-scanning-completed, webhook-tag-retention and their neighbours).
"""

from __future__ import annotations

import uuid
from typing import Any, Final

import msgspec

from preheat.sandbox.harbor.events import Event

__all__ = ["CLOUD_TYPES", "FORMATS", "Payload", "write_payload"]

CLOUD_TYPES: Final = {
    "PUSH_ARTIFACT": "harbor.artifact.pushed",
    "PULL_ARTIFACT": "harbor.artifact.pulled",
    "DELETE_ARTIFACT": "harbor.artifact.deleted",
    "QUOTA_EXCEED": "harbor.quota.exceeded",
    "QUOTA_WARNING": "harbor.quota.warned",
    "SCANNING_FAILED": "harbor.scan.failed",
    "SCANNING_STOPPED": "harbor.scan.stopped",
    "SCANNING_COMPLETED": "harbor.scan.completed",
    "REPLICATION": "harbor.replication.status.changed",
    "TAG_RETENTION": "harbor.tag_retention.finished",
}
"""Every event type of webhooks, in Harbor's order, with its name in CloudEvents."""
FORMATS: Final = ("Default", "CloudEvents")


class Payload(msgspec.Struct, frozen=True):
    """One payload, the same in each attempt to deliver it.

    :param id: of the CloudEvent; "" in the default format, which has none.
    """

    content_type: str
    body: str
    id: str = ""


def write_payload(event: Event, kind: str, *, policy_id: int, host: str) -> Payload:
    """Write what one policy is told of an event.

    :param kind: one of :data:`FORMATS`.
    :param host: of Harbor's external URL, port included.
    """
    if kind == "CloudEvents":
        return _cloud_event(event, policy_id, host)
    told = {
        "type": event.type,
        "occur_at": int(event.at.timestamp()),
        "operator": event.by.operator,
        "event_data": _data(event, host),
    }
    return Payload("application/json", msgspec.json.encode(told).decode())


def _cloud_event(event: Event, policy_id: int, host: str) -> Payload:
    """Write a CloudEvent, whose id is that of the delivery, not of what happened."""
    event_id = str(uuid.uuid4())
    project_id = event.project.id if event.project else 0
    told = {
        "specversion": "1.0",
        "id": event_id,
        "source": f"/projects/{project_id}/webhook/policies/{policy_id}",
        "type": CLOUD_TYPES[event.type],
        "datacontenttype": "application/json",
        "time": f"{event.at:%Y-%m-%dT%H:%M:%SZ}",
        "data": _data(event, host),
        "operator": event.by.operator,
        "requestid": event.by.request_id,
    }
    body = msgspec.json.encode(told).decode()
    return Payload("application/cloudevents+json", body, event_id)


def _data(event: Event, host: str) -> dict[str, Any]:
    """Write the event's data: artifact and repository where it is about some, and its details."""
    if not event.repository:
        return dict(event.details)
    return {
        "resources": [_resource(event, host)],
        "repository": _repository(event),
        **event.details,
    }


def _resource(event: Event, host: str) -> dict[str, Any]:
    """Write the artifact.

    The tag of an untagged one is its digest, but of scans it is left out (recorded:
    webhook-push-index, webhook-scanning-index).
    """
    is_scan = event.type.startswith("SCANNING_")
    tag = event.tag or ("" if is_scan else event.digest)
    reference = f":{event.tag}" if event.tag else f"@{event.digest}"
    return {
        "digest": event.digest,
        **({"tag": tag} if tag else {}),
        "resource_url": f"{host}/{event.repository}{reference}",
        **event.overview,
    }


def _repository(event: Event) -> dict[str, Any]:
    """Write the repository.

    One that is gone, and one of a scan, has no date (recorded: webhook-delete-repository).
    """
    namespace, _, name = event.repository.partition("/")
    made_at = {} if event.made_at is None else {"date_created": int(event.made_at.timestamp())}
    is_public = event.project is not None and event.project.public
    return {
        **made_at,
        "name": name,
        "namespace": namespace,
        "repo_full_name": event.repository,
        "repo_type": "public" if is_public else "private",
    }
