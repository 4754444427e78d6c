"""Pull endpoints: Dragonfly caches by whole URL, so warm under another one is never hit."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from preheat.doctor.observations import Observation, State
from preheat.errors import PreheatError, RefusedError, RemoteUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from preheat.doctor.setup import Setup
    from preheat.policy.model import Cluster

__all__ = ["compare", "observe"]

_CHECK = "pull endpoint"
_PORTS = {"http": 80, "https": 443}


def observe(cluster: Cluster, setup: Setup) -> Iterator[Observation]:
    """Compare what ``clusters.yaml`` says with what Harbor calls itself, and with what is warm.

    :raises RemoteError: Harbor answered something that nobody understands.
    """
    for registry, endpoint in cluster.pull_endpoints.items():
        external = _external_url(setup, registry)
        if external is None:
            detail = f"{endpoint}; {registry} cannot be asked what it calls itself"
            yield Observation(cluster.name, _CHECK, State.SKIPPED, detail)
        else:
            yield compare(cluster.name, endpoint, external)
    yield from _left_behind(cluster, setup)


def _external_url(setup: Setup, registry: str) -> str | None:
    """Ask Harbor; None where it cannot be asked, which its connection test tells."""
    client = setup.harbors.get(registry)
    if client is None or isinstance(client, PreheatError):
        return None
    try:
        return client.external_url().rstrip("/")
    except (RemoteUnavailableError, RefusedError):
        return None


def compare(cluster: str, endpoint: str, external: str) -> Observation:
    """Judge a pull endpoint by the address that Harbor gives to the world.

    :param external: Harbor's ``external_url``; empty when it does not tell.
    """
    if not external:
        detail = f"{endpoint}; Harbor tells its own address only to a known account"
        return Observation(cluster, _CHECK, State.SKIPPED, detail)
    if endpoint == external:
        return Observation(cluster, _CHECK, State.OK, f"{endpoint}, as Harbor calls itself")
    detail = f"images are asked for at {endpoint}, but Harbor calls itself {external}"
    ours, theirs = urlsplit(endpoint), urlsplit(external)
    if ours.hostname == theirs.hostname:
        told = "the same host" + ("" if ours.scheme == theirs.scheme else " by another scheme")
        same = _port(endpoint) == _port(external) and ours.scheme == theirs.scheme
        how = "written differently" if same else told
        advice = (
            f"{how}: what is warm there is never hit by nodes that pull from {external}. Write it "
            "into pullEndpoints exactly as the nodes' Dragonfly sees it"
        )
        return Observation(cluster, _CHECK, State.WRONG, detail, advice)
    advice = (
        f"right only if the nodes' images or mirrors name {ours.netloc}; if they pull from "
        f"{theirs.netloc}, nothing that is warm is ever hit: correct pullEndpoints"
    )
    return Observation(cluster, _CHECK, State.LOOK, detail, advice)


def _port(url: str) -> int | None:
    parts = urlsplit(url)
    return parts.port or _PORTS.get(parts.scheme)


def _left_behind(cluster: Cluster, setup: Setup) -> Iterator[Observation]:
    """Name what is warm under an endpoint that nobody asks for any more."""
    if isinstance(setup.ledger, PreheatError) or not setup.ledger.status().is_current:
        return
    asked = set(cluster.pull_endpoints.values())
    for endpoint, count in setup.ledger.upkeep.warm_endpoints(cluster.name).items():
        if endpoint not in asked:
            detail = f"{count} images are warm under {endpoint}, which clusters.yaml no longer has"
            advice = "their next plans ask for them under the new one; until then they are cold"
            yield Observation(cluster.name, "warm URLs", State.LOOK, detail, advice)
