"""Webhook policies: what Harbor tells whom, project by project (harbor: handler/webhook.go).

Whoever may read a policy reads the secret that Harbor sends along (recorded:
webhook-policies-list), and an update writes the whole row: what is not sent is emptied.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - msgspec reads the annotations
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from pydantic import SecretStr

from preheat.harbor.answers import decode, time_of
from preheat.harbor.api import project_path
from preheat.harbor.walk import Listing

if TYPE_CHECKING:
    from preheat.harbor.api import HarborApi

__all__ = ["WebhookPolicy", "WebhookTarget", "Webhooks"]


@dataclass(frozen=True, slots=True)
class WebhookTarget:
    """Where a policy sends to.

    :param authorization: sent as the header ``Authorization``; None for none.
    :param type: ``http`` or ``slack``.
    :param payload_format: ``Default`` or ``CloudEvents``.
    :param skip_cert_verify: whether Harbor sends it to whoever answers at the address.
    """

    address: str
    authorization: SecretStr | None = None
    type: str = "http"
    payload_format: str = "Default"
    skip_cert_verify: bool = False


@dataclass(frozen=True, slots=True)
class WebhookPolicy:
    """A webhook policy of a project.

    :param events: Harbor's words, such as ``PUSH_ARTIFACT``.
    :param id: 0 for one that is not made yet.
    :param creator: and ``created_at``: Harbor's, given back to it by an update.
    """

    name: str
    events: tuple[str, ...]
    targets: tuple[WebhookTarget, ...]
    enabled: bool = True
    id: int = 0
    description: str = ""
    creator: str = ""
    created_at: str = ""


class _Target(Struct):
    address: str = ""
    auth_header: str = ""
    type: str = ""
    payload_format: str = ""
    skip_cert_verify: bool = False


class _Policy(Struct):
    id: int
    name: str = ""
    enabled: bool = False
    event_types: list[str] | None = None
    targets: list[_Target] | None = None
    description: str = ""
    creator: str = ""
    creation_time: str = ""


class _LastTrigger(Struct):
    policy_name: str = ""
    last_trigger_time: datetime | None = None


class Webhooks:
    """Reads and writes the webhook policies of projects; each call raises a RemoteError.

    A :class:`preheat.errors.RefusedError` says which permission the robot lacks.

    :param api: the caller.
    """

    def __init__(self, api: HarborApi) -> None:
        self._api = api

    def are_on(self) -> bool:
        """Tell whether Harbor sends any: the switch ``notification_enable`` is for all projects."""
        return self._api.system()[1].notification_enable is not False

    def policies(self, project: str) -> list[WebhookPolicy]:
        """List a project's policies, oldest first."""
        listed = Listing(
            self._api,
            _path(project),
            _Policy,
            kind="webhook",
            advice=_advice(project, "list"),
            secret=True,
        )
        return [_read(row) for row in listed]

    def last_triggers(self, project: str) -> dict[str, datetime]:
        """Tell by name of the policy when something was sent last; those that never did lack."""
        path = f"{project_path(project)}/webhook/lasttrigger"
        answer = self._api.get("webhook", path, advice=_advice(project, "read"))
        found: dict[str, datetime] = {}
        for row in decode(answer, list[_LastTrigger], "the last triggers"):
            moment = time_of(row.last_trigger_time)
            if moment is not None:
                found[row.policy_name] = max(moment, found.get(row.policy_name, moment))
        return found

    def create(self, project: str, policy: WebhookPolicy) -> None:
        """Make a policy."""
        advice = _advice(project, "create")
        self._api.write("webhook", "POST", _path(project), _written(policy), advice=advice)

    def update(self, project: str, policy: WebhookPolicy) -> None:
        """Write a policy, all of it, in place of the one with its id."""
        path = f"{_path(project)}/{policy.id}"
        advice = _advice(project, "update")
        self._api.write("webhook", "PUT", path, _written(policy), advice=advice)

    def delete(self, project: str, policy_id: int) -> None:
        """Remove a policy."""
        path = f"{_path(project)}/{policy_id}"
        self._api.write("webhook", "DELETE", path, advice=_advice(project, "delete"))


def _path(project: str) -> str:
    return f"{project_path(project)}/webhook/policies"


def _advice(project: str, action: str) -> str:
    return (
        f"Either there is no project {project}, or the robot lacks notification-policy:{action} "
        "on it"
    )


def _read(row: _Policy) -> WebhookPolicy:
    return WebhookPolicy(
        row.name,
        tuple(row.event_types or ()),
        tuple(
            WebhookTarget(
                target.address,
                SecretStr(target.auth_header) if target.auth_header else None,
                target.type,
                target.payload_format or "Default",
                target.skip_cert_verify,
            )
            for target in row.targets or ()
        ),
        enabled=row.enabled,
        id=row.id,
        description=row.description,
        creator=row.creator,
        created_at=row.creation_time,
    )


def _written(policy: WebhookPolicy) -> dict[str, Any]:
    """Write it in Harbor's words; the only place where the secret is open."""
    body: dict[str, Any] = {
        "name": policy.name,
        "description": policy.description,
        "enabled": policy.enabled,
        "event_types": list(policy.events),
        "targets": [_written_target(target) for target in policy.targets],
    }
    if policy.id:
        body |= {"id": policy.id, "creator": policy.creator}
    if policy.created_at:
        body["creation_time"] = policy.created_at
    return body


def _written_target(target: WebhookTarget) -> dict[str, Any]:
    body: dict[str, Any] = {
        "type": target.type,
        "address": target.address,
        "skip_cert_verify": target.skip_cert_verify,
    }
    if target.authorization is not None:
        body["auth_header"] = target.authorization.get_secret_value()
    if target.type != "slack":  # for which Harbor refuses any (recorded: …-slack-cloudevents)
        body["payload_format"] = target.payload_format
    return body
