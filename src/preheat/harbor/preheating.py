"""Harbor's own preheat configuration, as its API tells it; reading it, never changing it.

Filters, trigger and extra attributes come as JSON inside JSON, and may say anything: Harbor checks
hardly any of it (recorded: preheat-policy-create-bad-filter-type, -bad-scope, -bad-trigger).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct

from preheat.harbor.answers import SystemAnswer, decode
from preheat.harbor.api import ROOT, project_path
from preheat.harbor.vetting import ProjectSecurity
from preheat.harbor.walk import PAGE_SIZE

if TYPE_CHECKING:
    from preheat.harbor.api import HarborApi

__all__ = [
    "PreheatInstance",
    "PreheatPolicy",
    "external_url",
    "instances",
    "policies",
    "security",
]


class PreheatInstance(Struct, frozen=True):
    """A provider, such as a Dragonfly manager; Harbor never shows its credentials."""

    id: int
    name: str
    vendor: str = ""
    endpoint: str = ""
    enabled: bool = False
    default: bool = False


class PreheatPolicy(Struct, frozen=True):
    """A policy of one project.

    :param scope: only of Harbor 2.12; later it is one of the extra attributes.
    """

    name: str
    id: int = 0
    description: str = ""
    provider_id: int = 0
    provider_name: str = ""
    filters: str = ""
    trigger: str = ""
    extra_attrs: str = ""
    scope: str = ""
    enabled: bool = False


Row = TypeVar("Row", PreheatInstance, PreheatPolicy)


class _External(SystemAnswer):
    external_url: str = ""


def instances(api: HarborApi) -> list[PreheatInstance]:
    """List the providers.

    :raises RefusedError: if the robot may not see them; says what it lacks.
    """
    advice = "The robot needs the system permission preheat-instance:list"
    return _all(api, f"{ROOT}/p2p/preheat/instances", PreheatInstance, advice)


def policies(api: HarborApi, project: str) -> list[PreheatPolicy]:
    """List a project's policies.

    :raises RefusedError: if the robot may not see them; says what it lacks.
    """
    advice = f"Either there is no project {project}, or the robot lacks preheat-policy:list on it"
    return _all(api, f"{project_path(project)}/preheat/policies", PreheatPolicy, advice)


def security(api: HarborApi, project: str) -> ProjectSecurity:
    """Read the settings that override what policies say.

    :raises RefusedError: if the robot may not see them; says what it lacks.
    """
    advice = f"Either there is no project {project}, or the robot lacks project:read on it"
    answer = api.get("project", project_path(project), advice=advice)
    return decode(answer, ProjectSecurity, "a project")


def external_url(api: HarborApi) -> str:
    """Tell the address that Harbor gives to Dragonfly; empty for an anonymous caller."""
    answer = api.get("system", f"{ROOT}/systeminfo")
    return decode(answer, _External, "Harbor's system information").external_url


def _all(api: HarborApi, path: str, kind: type[Row], advice: str) -> list[Row]:
    """Read all pages; a row that moved between two is there once."""
    found: dict[int, Row] = {}
    page = 1
    while True:
        params: dict[str, str | int] = {"page": page, "page_size": PAGE_SIZE, "sort": "id"}
        answer = api.get("preheat", path, params=params, advice=advice)
        rows: list[Row] = decode(answer, list[kind], "a list")  # type: ignore[valid-type]
        found.update({row.id: row for row in rows})
        if len(rows) < PAGE_SIZE:
            return list(found.values())
        page += 1
