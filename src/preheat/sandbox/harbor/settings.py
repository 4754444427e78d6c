"""How one stand-in behaves: version, clock, delays, token lifetime."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Settings"]


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Settings:
    """Settings of the Harbor stand-in; tests may change them while it runs.

    :param version: below 2.13 there is no audit feed; below 2.12 the project listing is 404 and
        artifacts have no repository name.
    :param delay_factor: scales Harbor's 1.5 s penalty for failed logins; 0 leaves it out.
    :param webhook_delay_factor: scales the seconds before a webhook's first attempt and between its
        attempts, and the delay with which executions tell their end.
    :param webhook_timeout_seconds: how long an attempt waits for its receiver; never scaled.
    :param token_lifetime_seconds: lifetime of registry tokens; Harbor's default is 1800.
    :param token_leeway_seconds: how long past its end a token is still taken.
    :param scanner: whether a vulnerability scanner is registered.
    :param external_url: what systeminfo tells; empty for the address the caller used.
    :param clock: tells the time of all rows and tokens.
    """

    version: str = "2.15.2"
    delay_factor: float = 0.0
    webhook_delay_factor: float = 0.01
    webhook_timeout_seconds: float = 3.0
    token_lifetime_seconds: float = 1800.0
    token_leeway_seconds: float = 60.0
    scanner: bool = True
    external_url: str = ""
    clock: Callable[[], datetime] = field(default=_utc_now)

    def at_least(self, major: int, minor: int) -> bool:
        """Compare the version that is played."""
        numbers = self.version.split(".")
        return (int(numbers[0]), int(numbers[1])) >= (major, minor)
