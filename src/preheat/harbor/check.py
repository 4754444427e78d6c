"""The connection test: tells good credentials from Harbor's silent anonymous answers.

Harbor answers a wrong secret with 200 and the anonymous view, on the API and on the token service
(recorded: systeminfo-robot-wrong-secret, token-wrong-secret), so statuses prove nothing here.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from preheat.checks import CheckItem, CheckReport
from preheat.errors import RemoteError
from preheat.harbor.answers import Project, decode
from preheat.harbor.api import ROOT, parse_version
from preheat.harbor.tokens import grant
from preheat.harbor.walk import PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.harbor.answers import SystemAnswer
    from preheat.harbor.api import HarborApi

__all__ = ["check"]

PROJECT_LISTING_SINCE = (2, 12)
SKEW_SECONDS = 30.0
PROJECTS_TRIED = 20
ANONYMOUS = (
    "check the robot's name (it begins with robot$), its secret, its expiry date "
    "and whether it is disabled"
)


def check(api: HarborApi, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> CheckReport:
    """Try the connection; reports RemoteErrors instead of raising them.

    :param now: our clock.
    """
    items: list[CheckItem] = []
    try:
        asked = now()
        _, system = api.system()
        asked += (now() - asked) / 2
        items.append(CheckItem("reachable", ok=True, detail=api.transport.base_url))
    except RemoteError as error:
        advice = "check the URL, TLS verification and CA file of the connection"
        return CheckReport((CheckItem("reachable", ok=False, detail=str(error), advice=advice),))
    items += [_credentials(api, system), _account(api)]
    if system.harbor_version:
        items.append(_version(system.harbor_version))
    if system.current_time:
        items.append(_clock((system.current_time - asked).total_seconds()))
    try:
        items += _tokens(api)
    except RemoteError as error:
        items.append(CheckItem("token service", ok=False, detail=str(error)))
    return CheckReport(tuple(items))


def _credentials(api: HarborApi, system: SystemAnswer) -> CheckItem:
    if not api.username:
        advice = "only public projects, read by repository; give the connection a robot"
        return CheckItem("credentials", ok=True, detail="none given: anonymous", advice=advice)
    if system.harbor_version:
        return CheckItem("credentials", ok=True, detail=f"Harbor knows {api.username}")
    detail = f"Harbor answers {api.username} as it answers anybody"
    return CheckItem("credentials", ok=False, detail=detail, advice=ANONYMOUS)


def _account(api: HarborApi) -> CheckItem:
    """Advise a robot: a user's password costs Harbor 0.1 s of CPU a call (measured on 2.15.2)."""
    if not api.username or "$" in api.username:
        return CheckItem("account", ok=True, detail="robot" if api.username else "anonymous")
    advice = (
        "use a robot account with artifact:list, artifact:read and repository:pull: "
        "Harbor checks its secret 30 times faster, and nobody can lock it by a wrong password"
    )
    return CheckItem("account", ok=True, detail=f"user {api.username}", advice=advice)


def _version(text: str) -> CheckItem:
    version = parse_version(text)
    if version and version >= PROJECT_LISTING_SINCE:
        return CheckItem("version", ok=True, detail=text)
    advice = "not known as 2.12 or newer: projects are read repository by repository"
    return CheckItem("version", ok=True, detail=text, advice=advice)


def _clock(skew: float) -> CheckItem:
    detail = f"Harbor's clock is {abs(skew):.1f} s {'ahead' if skew > 0 else 'behind'}"
    apart = abs(skew) > SKEW_SECONDS
    advice = "synchronise the clocks (NTP): ages of images are wrong by that much" if apart else ""
    return CheckItem("clock", ok=True, detail=detail, advice=advice)


def _tokens(api: HarborApi) -> list[CheckItem]:
    """Ask for a token and look into it: for whom it is, and what it may pull."""
    params: dict[str, str | int] = {"with_detail": "false", "page_size": PAGE_SIZE}
    answer = api.get("listing", f"{ROOT}/projects", params=params)
    visible = [project.name for project in decode(answer, list[Project], "a list of projects")]
    tried = visible[:PROJECTS_TRIED]
    granted = grant(api, [f"{project}/preheat-check" for project in tried])
    if api.username and not granted.subject:
        detail = f"gives {api.username} an anonymous token"
        return [CheckItem("token service", ok=False, detail=detail, advice=ANONYMOUS)]
    detail = f"gives a token for {granted.subject or 'an anonymous caller'}"
    return [CheckItem("token service", ok=True, detail=detail), _pulls(tried, granted.pullable)]


def _pulls(tried: list[str], pullable: frozenset[str]) -> CheckItem:
    if not tried:
        advice = "give the robot artifact:list and repository:pull on the projects to warm"
        return CheckItem("pull", ok=False, detail="no project is visible", advice=advice)
    missing = [project for project in tried if project not in pullable]
    detail = f"from {len(tried) - len(missing)} of {len(tried)} projects looked at"
    advice = f"to pull from {', '.join(missing)} give repository:pull there" if missing else ""
    return CheckItem("pull", ok=len(missing) < len(tried), detail=detail, advice=advice)
