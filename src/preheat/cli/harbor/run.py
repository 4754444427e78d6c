"""What ``preheat harbor webhook`` does: the same in each project, whatever others bring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import typer

from preheat.cli.console import WRONG, errors_told, print_json, stderr
from preheat.cli.harbor.shown import Line, data_of, print_lines
from preheat.cli.harbors import airflow_on_stderr, glob_of, open_harbor
from preheat.errors import InputError, RefusedError, RemoteError
from preheat.harbor.installing import (
    NAME,
    Outcome,
    State,
    address_of,
    differences,
    install,
    own_policy,
    remove,
    wanted_policy,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from preheat.harbor.client import HarborClient
    from preheat.harbor.notifying import WebhookPolicy, Webhooks

__all__ = ["Order", "run_install", "run_list", "run_remove"]

_LOOPBACK = ("localhost", "127.", "::1", "0.0.0.0")  # noqa: S104 - compared, not bound to


@dataclass(frozen=True)
class Order:
    """Which projects of which Harbor, and as whom.

    :param projects: globs of their names.
    :param credentials: connection whose account is used; "" for the registry's own.
    """

    projects: tuple[str, ...]
    registry: str
    credentials: str = ""


def run_install(
    order: Order, url: str, *, insecure: bool, take_over: bool, dry_run: bool, as_json: bool
) -> None:
    """Make or repair our policy in each project."""
    with errors_told():
        wanted = _wanted(order, url, insecure=insecure)
        client = _open(order)
        webhooks = client.webhooks

        def act(project: str) -> Line:
            done = install(webhooks, project, wanted, take_over=take_over, dry_run=dry_run)
            return Line(project, done)

        lines = _in_each(order, client, act)
    _end(order, lines, as_json=as_json, dry_run=dry_run)


def run_list(order: Order, url: str, *, insecure: bool, as_json: bool) -> None:
    """Show our policy of each project."""
    with errors_told():
        wanted = _wanted(order, url, insecure=insecure)
        client = _open(order)
        lines = _in_each(order, client, lambda project: _looked(client.webhooks, project, wanted))
    _end(order, lines, as_json=as_json, wanted=wanted)


def run_remove(order: Order, url: str, *, dry_run: bool, as_json: bool) -> None:
    """Remove our policy from each project."""
    with errors_told():
        address = address_of(_base(url), order.registry)
        client = open_harbor(order.registry, order.credentials)
        webhooks = client.webhooks

        def act(project: str) -> Line:
            return Line(project, remove(webhooks, project, address, dry_run=dry_run))

        lines = _in_each(order, client, act)
    _end(order, lines, as_json=as_json, dry_run=dry_run, is_removal=True)


def _wanted(order: Order, url: str, *, insecure: bool) -> WebhookPolicy:
    with airflow_on_stderr():
        from preheat.provider.outside import webhook_authorization  # noqa: PLC0415 - imports Airflow

        authorization = webhook_authorization(order.registry)
    wanted = wanted_policy(_base(url), order.registry, authorization, insecure=insecure)
    _warn(wanted.targets[0].address, insecure=insecure)
    return wanted


def _base(url: str) -> str:
    """Tell where Harbor reaches Airflow: as a person says, or as Airflow is set up."""
    with airflow_on_stderr():
        from preheat.provider.outside import airflow_url  # noqa: PLC0415 - imports Airflow

        base = url or airflow_url()
    if not base:
        raise InputError(
            "It is not known where Harbor reaches Airflow: give --url, such as "
            "https://airflow.example.com, or set [api] base_url."
        )
    return base


def _warn(address: str, *, insecure: bool) -> None:
    """Tell what is allowed and yet dangerous, or seldom meant."""
    url = urlsplit(address)
    warnings: list[str] = []
    if url.scheme == "http":
        warnings.append("Harbor sends the Authorization value unencrypted to an http address")
    elif insecure:
        warnings.append("Harbor sends the Authorization value to whoever answers at the address")
    if (url.hostname or "").startswith(_LOOPBACK):
        warnings.append(f"{url.hostname} is, for Harbor, its own machine")
    for text in warnings:
        stderr().print(f"Mind that {text}.", style="yellow", soft_wrap=True)


def _open(order: Order) -> HarborClient:
    client = open_harbor(order.registry, order.credentials)
    if not client.webhooks.are_on():
        text = f"{order.registry} sends no webhooks at all: its notification_enable is off."
        stderr().print(text, style="yellow", soft_wrap=True)
    return client


def _in_each(order: Order, client: HarborClient, act: Callable[[str], Line]) -> list[Line]:
    """Do it in each project that is visible; a glob that names none is a failure too."""
    globs = {text: glob_of(text, "--project") for text in order.projects}
    visible = [project.name for project in client.projects(list(globs.values()))]
    lines = [_tried(project, act) for project in visible]
    for text, accepts in globs.items():
        if not any(accepts(project) for project in visible):
            failure = f"{order.registry} shows no project called so"
            lines.append(Line(text, Outcome(State.FAILED), error=failure))
    return lines


def _tried(project: str, act: Callable[[str], Line]) -> Line:
    try:
        return act(project)
    except RemoteError as error:
        state = State.REFUSED if isinstance(error, RefusedError) else State.FAILED
        return Line(project, Outcome(state), error=str(error))


def _looked(webhooks: Webhooks, project: str, wanted: WebhookPolicy) -> Line:
    found = own_policy(webhooks, project)
    if found is None:
        return Line(project, Outcome(State.MISSING))
    wrong = differences(found, wanted)
    last = webhooks.last_triggers(project).get(NAME)
    return Line(project, Outcome(State.WRONG if wrong else State.RIGHT, wrong), found, last)


def _end(
    order: Order,
    lines: Sequence[Line],
    *,
    as_json: bool,
    dry_run: bool = False,
    wanted: WebhookPolicy | None = None,
    is_removal: bool = False,
) -> None:
    bad = {State.REFUSED, State.FAILED, State.WRONG}
    if not is_removal:
        bad |= {State.MISSING, State.FOREIGN}
    if as_json:
        print_json(data_of(order.registry, lines, dry_run=dry_run))
    else:
        print_lines(lines, dry_run=dry_run, address=wanted.targets[0].address if wanted else "")
    if not lines or any(line.outcome.state in bad for line in lines):
        raise typer.Exit(WRONG)
