"""What the OpenAPI document says of the webhook: what it takes, and what it answers.

Sources: harbor: src/pkg/notifier/model/event.go, src/pkg/notifier/formats/cloudevents.go.
"""

from __future__ import annotations

from typing import Any

from fastapi.security import APIKeyHeader
from pydantic import BaseModel, ConfigDict, Field

from preheat.harbor.webhooks import PayloadFormat
from preheat.web.bodies import MOST_BYTES, SECONDS
from preheat.web.refusing import MEDIA_TYPE

__all__ = [
    "AIRFLOW_PROBLEMS",
    "AUTHORIZATION",
    "CHANGE_PROBLEMS",
    "PROBLEMS",
    "REQUEST_BODY",
    "RESPONSES",
    "Counts",
    "RefusalBody",
    "Told",
]

AUTHORIZATION = APIKeyHeader(
    name="Authorization",
    scheme_name="HarborWebhook",
    description=(
        "The whole value of the header, as the Airflow connection has it in the extra "
        "webhook_authorization or webhook_authorization_previous."
    ),
    auto_error=False,
)


class Told(BaseModel):
    """A part of an answer, taken from a value of ours by the names of its fields."""

    model_config = ConfigDict(from_attributes=True)


class Counts(BaseModel):
    """What became of the events of a delivery."""

    received: int = Field(description="Events that wait now to be taken up.")
    repeated: int = Field(description="Events that were known already.")
    ignored: int = Field(description="Events of a type that no policy can run on.")


class ProblemBody(Told):
    """One thing that is wrong with a body."""

    path: str = Field(description='Where, such as event_data.resources[0].tag; "" for all of it.')
    message: str
    line: int | None = None


class RefusalBody(BaseModel):
    """Why not, as RFC 9457 says it."""

    title: str
    status: int
    detail: str
    problems: list[ProblemBody] | None = Field(None, description="All problems of a bad body.")


_DATA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "repository": {
            "type": "object",
            "properties": {"repo_full_name": {"type": "string", "maxLength": 255}},
            "required": ["repo_full_name"],
        },
        "resources": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1000,
            "items": {
                "type": "object",
                "properties": {
                    "digest": {
                        "type": "string",
                        "pattern": "^sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})$",
                    },
                    "tag": {
                        "type": "string",
                        "description": "The digest once more where there is no tag.",
                    },
                },
                "required": ["digest"],
            },
        },
        "scan": {"type": "object", "properties": {"scan_type": {"type": "string"}}},
    },
    "description": "Repository and resources must be there if pushed, scanned or deleted.",
}
_OPERATOR = {"type": "string", "maxLength": 255}
_TYPE = {"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9._-]{0,99}$"}

REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        PayloadFormat.DEFAULT.value: {
            "schema": {
                "title": "Default",
                "type": "object",
                "properties": {
                    "type": {**_TYPE, "example": "PUSH_ARTIFACT"},
                    "occur_at": {"type": "integer", "description": "Unix seconds"},
                    "operator": _OPERATOR,
                    "event_data": _DATA,
                },
                "required": ["type", "occur_at"],
            }
        },
        PayloadFormat.CLOUD_EVENTS.value: {
            "schema": {
                "title": "CloudEvents",
                "type": "object",
                "properties": {
                    "specversion": {"type": "string", "enum": ["1.0"]},
                    "id": {"type": "string", "maxLength": 128},
                    "type": {**_TYPE, "example": "harbor.artifact.pushed"},
                    "time": {"type": "string", "format": "date-time"},
                    "operator": _OPERATOR,
                    "data": _DATA,
                },
                "required": ["specversion", "id", "type", "time"],
            }
        },
    },
}


def _refused(description: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/RefusalBody"}
    return {"description": description, "content": {MEDIA_TYPE: {"schema": schema}}}


RESPONSES: dict[int | str, dict[str, Any]] = {
    202: {"description": "The events are durable.", "model": Counts},
    400: _refused("The body is not a delivery of Harbor's."),
    401: _refused("No Authorization, or not that of this connection; or there is no such one."),
    408: _refused(f"The body was not there after {SECONDS:g} s."),
    413: _refused(f"The body is longer than {MOST_BYTES:,} bytes."),
    415: _refused("The body is neither JSON nor a CloudEvent in JSON, in UTF-8."),
    500: _refused("The delivery could not be kept."),
    503: _refused(
        "The ledger or Airflow's connections cannot be read, or too much comes: try again."
    ),
}

PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: _refused("Nobody is logged in to Airflow."),
    403: _refused("Airflow does not let this person do so, or another site sent it."),
    404: _refused("There is no such thing, or this person may not see it."),
    422: _refused("Something that was sent is wrong; all of it is named."),
    500: _refused("Something failed here; the server's log says what."),
    503: _refused("The ledger does not work now."),
}
"""What any route for people and programs may answer instead."""

AIRFLOW_PROBLEMS: dict[int | str, dict[str, Any]] = {
    502: _refused("Airflow's own API failed."),
}
"""What routes may answer too that ask Airflow."""

CHANGE_PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: _refused("The body cannot be read, or Airflow takes the run's parameters for wrong."),
    408: _refused(f"The body was not there after {SECONDS:g} s."),
    413: _refused(f"The body is longer than {MOST_BYTES:,} bytes."),
    415: _refused("The body is not application/json."),
}
"""What routes may answer too that take a body."""
