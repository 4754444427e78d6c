"""Harbor and the managers: the connection tests, and how long a pull token lives."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from preheat.doctor.observations import Observation, State, of_item
from preheat.errors import PreheatError, RefusedError, RemoteUnavailableError
from preheat.policy.model import Submit
from preheat.policy.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from preheat.doctor.setup import Setup
    from preheat.drivers.base import Driver
    from preheat.harbor.client import HarborClient

__all__ = ["harbor", "manager", "token_life"]


def harbor(conn_id: str, client: HarborClient | PreheatError) -> Iterator[Observation]:
    """Try the connection: URL, credentials, version, clock, token service.

    :raises PreheatError: when there is none to try.
    """
    if isinstance(client, PreheatError):
        raise client
    for item in client.check().items:
        yield of_item(conn_id, item)


def manager(conn_id: str, driver: Driver | PreheatError) -> Iterator[Observation]:
    """Try the connection: URL, token, database, clusters, version and its CVE floor, clock.

    :raises PreheatError: when there is none to try.
    """
    if isinstance(driver, PreheatError):
        raise driver
    for item in driver.check().items:
        yield of_item(conn_id, item)


def token_life(
    conn_id: str, client: HarborClient | PreheatError, setup: Setup
) -> Iterator[Observation]:
    """Compare how long a pull token lives with how long Dragonfly may work on a job.

    Layers that come after its end get 401, and vanish silently where one seed is asked
    (dragonfly: recorded registry-bearer-token-expired-midway).

    Where no token comes there is nothing to look at: the connection test says why.

    :raises RemoteError: Harbor answered something that nobody understands.
    """
    if isinstance(client, PreheatError):
        return
    check = "token life"
    try:
        life = client.token_life_seconds()
    except (RemoteUnavailableError, RefusedError):
        detail = f"not looked at, because {conn_id} gives no pull token: see there"
        yield Observation(conn_id, check, State.SKIPPED, detail)
        return
    longest, who = _longest_job(conn_id, setup)
    lives = format_duration(timedelta(seconds=life))
    may_take = f"a job may take {format_duration(timedelta(seconds=longest))} ({who})"
    detail = f"a pull token lives {lives}, {may_take}"
    if life >= longest:
        yield Observation(conn_id, check, State.OK, detail)
        return
    advice = (
        "what a long job fetches after that is missing, and comes with the next try. Raise "
        "Harbor's token expiration (Configuration, System Settings), or lower submit.timeout"
    )
    yield Observation(conn_id, check, State.LOOK, detail, advice)


def _longest_job(conn_id: str, setup: Setup) -> tuple[int, str]:
    policies = [entry.policy for entry in setup.policies if entry.policy]
    using = [policy for policy in policies if conn_id in policy.registries]
    if not using:
        return Submit().timeout_seconds, "the default"
    longest = max(using, key=lambda policy: policy.submit.timeout_seconds)
    return longest.submit.timeout_seconds, f"policy {longest.name}"
