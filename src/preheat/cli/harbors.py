"""How commands reach Harbor and managers: by Airflow connections, which say where and as whom."""

from __future__ import annotations

import sys
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from preheat.drivers.base import Driver
    from preheat.harbor.client import HarborClient
    from preheat.policy.matchers import Matcher

__all__ = [
    "DEFAULT_REGISTRY",
    "RegistryOption",
    "airflow_on_stderr",
    "glob_of",
    "open_driver",
    "open_harbor",
]

DEFAULT_REGISTRY = "harbor_default"

RegistryOption = Annotated[
    str,
    typer.Option(
        "--registry",
        metavar="CONN_ID",
        help="Airflow connection of the Harbor; AIRFLOW_CONN_… in the environment works too.",
    ),
]


@contextmanager
def airflow_on_stderr() -> Iterator[None]:
    """Let what Airflow prints and logs, now and later, go to stderr: stdout is for results."""
    with redirect_stdout(sys.stderr):
        from preheat.provider.outside import log_to_stderr  # noqa: PLC0415 - imports Airflow

        log_to_stderr()
        yield


def open_harbor(conn_id: str, credentials: str = "") -> HarborClient:
    """Open the Harbor of an Airflow connection; takes the seconds that importing Airflow takes.

    Environment, secrets backends and the metadata database are looked into, in this order.

    :param credentials: another connection to the same Harbor, whose account is used instead.
    :raises InputError: when there is no such connection, or it cannot be right.
    """
    with airflow_on_stderr():
        from preheat.provider.outside import harbor_client  # noqa: PLC0415 - imports Airflow

        return harbor_client(conn_id, credentials)


def open_driver(conn_id: str, name: str) -> Driver:
    """Open the manager of an Airflow connection; looked up as :func:`open_harbor` does.

    :param name: of the driver.
    :raises InputError: when there is no such connection, or it cannot be right.
    """
    with airflow_on_stderr():
        from preheat.provider.outside import dragonfly_driver  # noqa: PLC0415 - imports Airflow

        return dragonfly_driver(conn_id, name)


def glob_of(text: str, option: str) -> Matcher:
    """Read a glob that a person typed.

    :param option: where, for the message.
    :raises InputError: when it is none.
    """
    from preheat.errors import InputError  # noqa: PLC0415 - help must not wait
    from preheat.policy.matchers import Matcher, MatcherKind  # noqa: PLC0415 - loads RE2

    matcher = Matcher(MatcherKind.GLOB, text)
    try:
        matcher.check()
    except ValueError as error:
        raise InputError(f"{option} {text!r} is no glob: {error}.") from None
    return matcher
