"""Our own webhook policy in a project: what it should be like, and how to bring it there.

It is known by its name, which is unique in a project (recorded: webhook-policy-create-duplicate);
policies of other names are nobody's business here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from preheat.errors import InputError
from preheat.harbor.notifying import WebhookPolicy, WebhookTarget
from preheat.transport import redact

if TYPE_CHECKING:
    from collections.abc import Iterator
    from urllib.parse import SplitResult

    from pydantic import SecretStr

    from preheat.harbor.notifying import Webhooks

__all__ = [
    "NAME",
    "Outcome",
    "State",
    "differences",
    "install",
    "own_policy",
    "path_of",
    "remove",
    "wanted_policy",
]

NAME = "preheat"
EVENTS = ("PUSH_ARTIFACT", "DELETE_ARTIFACT", "SCANNING_COMPLETED")
FORMAT = "CloudEvents"  # its id tells a repeated delivery (recorded: webhook-retries)
_PATH = "/preheat/webhooks/harbor/"


class State(StrEnum):
    """How it stands with our policy in a project."""

    MADE = "made"
    REPAIRED = "repaired"
    RIGHT = "as it should be"
    WRONG = "wrong"
    MISSING = "missing"
    REMOVED = "removed"
    FOREIGN = "not ours"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was found in a project, and done about it.

    :param differences: what was, or is, other than it should be.
    """

    state: State
    differences: tuple[str, ...] = ()


def path_of(registry: str) -> str:
    """Give the path at which we hear of a Harbor; it names the connection."""
    return _PATH + quote(registry, safe="")


def wanted_policy(
    base: str, registry: str, authorization: SecretStr, *, insecure: bool = False
) -> WebhookPolicy:
    """Describe the policy as it should be.

    :param base: where Harbor reaches Airflow's API server.
    :param insecure: whether Harbor sends to whoever answers there, whatever the certificate.
    :raises InputError: if the address cannot be right. Harbor drops all but scheme, host and path
        from an address (harbor: handler/webhook.go, validateTargets).
    """
    target = WebhookTarget(
        address_of(base, registry),
        authorization,
        payload_format=FORMAT,
        skip_cert_verify=insecure,
    )
    return WebhookPolicy(NAME, EVENTS, (target,), description="Made by preheat harbor webhook")


def address_of(base: str, registry: str) -> str:
    """Give the address at which we hear of a Harbor.

    :raises InputError: as :func:`wanted_policy`.
    """
    url = _url_of(base)
    if url.username or url.password or url.query or url.fragment:
        raise InputError(
            f"{redact(base)!r}: give scheme, host and path only; Harbor keeps nothing else, and "
            "shows it to its users"
        )
    return f"{url.scheme}://{url.netloc}{url.path.rstrip('/')}{path_of(registry)}"


def _url_of(base: str) -> SplitResult:
    try:
        url = urlsplit(base.strip())
        is_address = url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
    except ValueError:
        is_address = False
    if is_address:
        return url
    raise InputError(
        f"{redact(base)!r} is no address of Airflow: write it whole, such as "
        "https://airflow.example.com"
    )


def own_policy(webhooks: Webhooks, project: str) -> WebhookPolicy | None:
    """Find our policy in a project.

    :raises RemoteError: if Harbor does not tell.
    """
    return next((one for one in webhooks.policies(project) if one.name == NAME), None)


def differences(found: WebhookPolicy, wanted: WebhookPolicy) -> tuple[str, ...]:
    """Say what is other than it should be; never a secret."""
    return tuple(_differences(found, wanted))


def install(
    webhooks: Webhooks,
    project: str,
    wanted: WebhookPolicy,
    *,
    take_over: bool = False,
    dry_run: bool = False,
) -> Outcome:
    """Make our policy in a project, or repair it; one that leads elsewhere is left alone.

    :param take_over: whether one that leads elsewhere is made ours: another Airflow, or another
        connection of this one, hears of nothing more then.
    :param dry_run: only tell what would be done.
    :raises RemoteError: if Harbor refuses, saying which permission is missing, or does not answer.
    """
    found = own_policy(webhooks, project)
    if found is None:
        if not dry_run:
            webhooks.create(project, wanted)
        return Outcome(State.MADE)
    wrong = differences(found, wanted)
    if not wrong:
        return Outcome(State.RIGHT)
    if not take_over and not _leads_to(found, wanted.targets[0].address):
        return Outcome(State.FOREIGN, (f"it leads to {_addresses(found)}",))
    if not dry_run:
        kept = replace(wanted, id=found.id, creator=found.creator, created_at=found.created_at)
        webhooks.update(project, replace(kept, description=found.description))
    return Outcome(State.REPAIRED, wrong)


def remove(webhooks: Webhooks, project: str, address: str, *, dry_run: bool = False) -> Outcome:
    """Remove our policy from a project; one that leads elsewhere is left alone.

    :param address: where ours leads to (:func:`address_of`).
    :param dry_run: only tell what would be done.
    :raises RemoteError: as :func:`install`.
    """
    found = own_policy(webhooks, project)
    if found is None:
        return Outcome(State.MISSING)
    if not _leads_to(found, address):
        return Outcome(State.FOREIGN, (f"it leads to {_addresses(found)}",))
    if not dry_run:
        webhooks.delete(project, found.id)
    return Outcome(State.REMOVED)


def _leads_to(found: WebhookPolicy, address: str) -> bool:
    """Tell whether a policy is ours by where it leads to: host and path, among other targets too.

    The scheme is not looked at: who goes from http to https is nobody else.
    """
    return any(_place(target.address) == _place(address) for target in found.targets)


def _place(address: str) -> tuple[str, str]:
    """Tell host, port and path of an address."""
    try:
        url = urlsplit(address.strip())
        port = url.port or {"http": 80, "https": 443}.get(url.scheme)
    except ValueError:
        return "", address
    default = port in {80, 443}
    return f"{url.hostname or ''}{'' if default else f':{port}'}", url.path.rstrip("/")


def _differences(found: WebhookPolicy, wanted: WebhookPolicy) -> Iterator[str]:
    if not found.enabled:
        yield "disabled"
    if missing := [event for event in wanted.events if event not in found.events]:
        yield f"lacks {', '.join(missing)}"
    if more := [event for event in found.events if event not in wanted.events]:
        yield f"sends {redact(', '.join(more))} too"
    if len(found.targets) == 1:
        yield from _target_differences(found.targets[0], wanted.targets[0])
    else:
        yield f"has {len(found.targets)} targets"


def _target_differences(target: WebhookTarget, right: WebhookTarget) -> Iterator[str]:
    if target.address != right.address:
        yield f"leads to {redact(target.address)}"
    if target.type != right.type:
        yield f"is of type {redact(target.type)}"
    if target.payload_format != right.payload_format:
        yield f"sends the format {redact(target.payload_format)}"
    if _secret(target) != _secret(right):
        yield "sends another Authorization" if target.authorization else "sends no Authorization"
    if target.skip_cert_verify != right.skip_cert_verify:
        yield f"{'does not verify' if target.skip_cert_verify else 'verifies'} TLS certificates"


def _secret(target: WebhookTarget) -> str:
    return target.authorization.get_secret_value() if target.authorization else ""


def _addresses(policy: WebhookPolicy) -> str:
    return redact(", ".join(target.address for target in policy.targets)) or "nowhere"
