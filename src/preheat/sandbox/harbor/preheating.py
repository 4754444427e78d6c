"""Harbor's own preheat configuration, kept as Harbor keeps it: hardly looked at.

Only the cron text and the provider are validated; filters, trigger and extra attributes are JSON
texts that may say anything (recorded: preheat-policy-create-bad-filter-type, -bad-scope,
-bad-trigger). The stand-in stores policies and never runs them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from preheat.sandbox.harbor.errors import bad_request, conflict, masked, not_found

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from preheat.sandbox.harbor.rows import Project
    from preheat.sandbox.harbor.state import HarborState

__all__ = ["PreheatInstance", "PreheatPolicy", "Preheating"]

NAME: Final = re.compile(r"[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*")
FILTERS_LENGTH: Final = 1024  # characters of the column
CRON_FIELDS: Final = 6


@dataclass(slots=True)
class PreheatInstance:
    """A provider, system wide; its credentials are written and never shown."""

    id: int
    name: str
    vendor: str
    endpoint: str
    auth_mode: str
    made_at: datetime
    description: str = ""
    enabled: bool = True
    default: bool = False
    insecure: bool = False


@dataclass(slots=True)
class PreheatPolicy:
    """A policy of one project; three of its columns are JSON texts."""

    id: int
    name: str
    project_id: int
    provider: PreheatInstance
    filters: str
    trigger: str
    made_at: datetime
    enabled: bool = True
    extra_attrs: str = ""
    description: str = ""


@dataclass(slots=True)
class Preheating:
    """All instances, and the policies of each project."""

    instances: dict[str, PreheatInstance] = field(default_factory=dict)
    policies: dict[int, dict[str, PreheatPolicy]] = field(default_factory=dict)

    def of_project(self, project: Project) -> dict[str, PreheatPolicy]:
        """Give a project's policies by name."""
        return self.policies.setdefault(project.id, {})

    def add_instance(self, state: HarborState, told: Mapping[str, Any]) -> PreheatInstance:
        """Create an instance.

        :raises HarborError: 409 for a name taken, masked 500 for a bad name or an endpoint taken.
        """
        name, endpoint = str(told.get("name", "")), str(told.get("endpoint", ""))
        if not NAME.fullmatch(name):
            raise masked()
        if name in self.instances:
            raise conflict(f"instance {name} already exists")
        if any(other.endpoint == endpoint for other in self.instances.values()):
            raise masked()
        made = PreheatInstance(
            state.next_id("preheat instance"),
            name,
            str(told.get("vendor", "")),
            endpoint,
            str(told.get("auth_mode", "")),
            state.now(),
            str(told.get("description", "")),
            enabled=bool(told.get("enabled")),
            default=bool(told.get("default")),
            insecure=bool(told.get("insecure")),
        )
        self.instances[name] = made
        return made

    def add_policy(
        self, state: HarborState, project: Project, told: Mapping[str, Any]
    ) -> PreheatPolicy:
        """Create a policy.

        :raises HarborError: 400 for a bad cron, 404 for an unknown provider, 409 for a name taken,
            masked 500 for a bad name and for filters that are no JSON or too long.
        """
        name, filters = str(told.get("name", "")), str(told.get("filters", ""))
        trigger = str(told.get("trigger", ""))
        _validate_cron(_json_of(trigger))
        provider_id = told.get("provider_id", 0)
        provider = next((i for i in self.instances.values() if i.id == provider_id), None)
        if provider is None:
            raise not_found(f"instance {provider_id} not found")
        _json_of(filters)
        if not NAME.fullmatch(name) or len(filters) > FILTERS_LENGTH:
            raise masked()
        if name in self.of_project(project):
            raise conflict(f"policy {name} already exists")
        made = PreheatPolicy(
            state.next_id("preheat policy"),
            name,
            project.id,
            provider,
            filters,
            trigger,
            state.now(),
            enabled=bool(told.get("enabled")),
            extra_attrs=str(told.get("extra_attrs", "")),
            description=str(told.get("description", "")),
        )
        self.of_project(project)[name] = made
        return made


def _json_of(text: str) -> Any:
    try:
        return json.loads(text or "null")
    except ValueError:
        raise masked() from None


def _validate_cron(trigger: Any) -> None:
    """Check the cron text of a schedule; an empty one passes (recorded: …-empty-cron)."""
    if not isinstance(trigger, dict) or trigger.get("type") != "scheduled":
        return
    cron = str((trigger.get("trigger_setting") or {}).get("cron", ""))
    fields = cron.split()
    if cron and len(fields) != CRON_FIELDS:
        raise bad_request(
            f"invalid cron string for scheduled preheat: {cron}, error: expected exactly 6 fields, "
            f"found {len(fields)}: [{' '.join(fields)}]"
        )
    if cron and fields[0] != "0":
        raise bad_request(
            f"invalid cron string for scheduled preheat: {cron}, error: the 1st field (indicating "
            "Seconds of time) of the cron setting must be 0"
        )
