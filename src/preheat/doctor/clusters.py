"""A cluster: known to its manager, schedulers alive, rate limit, seeds alive."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from preheat.doctor.observations import Observation, State, of_item
from preheat.drivers.base import SEED
from preheat.errors import PreheatError, RemoteError
from preheat.proving import ask_peers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from preheat.doctor.setup import Setup
    from preheat.drivers.base import Report
    from preheat.ledger import StoredPlacement
    from preheat.policy.model import Cluster

__all__ = ["manager_side", "same_peers", "seeds"]

_CHECK = "seed peers"


def manager_side(cluster: Cluster, setup: Setup) -> Iterator[Observation]:
    """Ask the manager about the cluster.

    What is wrong with the manager itself is told once, at its connection.
    """
    driver = setup.drivers[cluster.connection]
    if isinstance(driver, PreheatError):
        detail = f"{cluster.connection} cannot be asked"
        yield Observation(cluster.name, "cluster", State.SKIPPED, detail)
        return
    report = driver.check_cluster(cluster.scheduler_cluster_id, at_once=cluster.max_concurrent_jobs)
    if not report.ok and not driver.check().ok:
        yield _not_looked_at(cluster, "cluster")
        return
    for item in report.items:
        yield of_item(cluster.name, item)


def _not_looked_at(cluster: Cluster, check: str) -> Observation:
    detail = f"not looked at, because {cluster.connection} is not well: see there"
    return Observation(cluster.name, check, State.SKIPPED, detail)


def same_peers(setup: Setup) -> Iterator[Observation]:
    """Name entries of ``clusters.yaml`` that mean the same scheduler cluster of one manager."""
    entries: dict[tuple[str, int], list[str]] = defaultdict(list)
    for cluster in setup.clusters:
        entries[cluster.connection, cluster.scheduler_cluster_id].append(cluster.name)
    for (connection, number), names in entries.items():
        if len(names) > 1:
            both = "both" if len(names) == 2 else "all"  # noqa: PLR2004 - two are both
            detail = f"{', '.join(names)} {both} mean scheduler cluster {number} of {connection}"
            advice = (
                "likely a copied entry: correct schedulerClusterId or connection, or leave one out;"
                " as it is, the same peers are asked twice, and each pool counts only its own jobs"
            )
            yield Observation(names[-1], "same peers", State.LOOK, detail, advice)


def seeds(cluster: Cluster, setup: Setup) -> Iterator[Observation]:
    """Ask the peers for the image that was proved warm on seeds last: who answers is alive.

    The manager tells a token nothing of its peers, and its table of seeds is empty with clients
    since 1.0.11 (dragonfly: manager/router/router.go, recorded api-list-seed-peers).

    :raises PreheatError: when they cannot be asked, though their manager is well.
    """
    driver, ledger = setup.drivers[cluster.connection], setup.ledger
    if isinstance(driver, PreheatError) or isinstance(ledger, PreheatError):
        detail = "cannot be asked without manager and ledger"
        yield Observation(cluster.name, _CHECK, State.SKIPPED, detail)
        return
    found = ledger.upkeep.last_warm(cluster.name) if ledger.status().is_current else None
    if found is None:
        detail = "nothing was proved warm on seeds here yet, so there is nothing to ask for"
        advice = "warm one image with the DAG preheat_images"
        yield Observation(cluster.name, _CHECK, State.SKIPPED, detail, advice)
        return
    registry = setup.harbors.get(found[0].settings.registry)
    if registry is None or isinstance(registry, PreheatError):
        detail = f"{found[0].settings.registry} gives no pull token to ask with"
        yield Observation(cluster.name, _CHECK, State.SKIPPED, detail)
        return
    placement, image = found
    try:
        report = ask_peers(driver, placement.key, placement.settings, image, registry)
    except RemoteError:
        if driver.check().ok:
            raise
        yield _not_looked_at(cluster, _CHECK)
        return
    yield _judged(cluster, placement, report)


def _judged(cluster: Cluster, placement: StoredPlacement, report: Report) -> Observation:
    # A seed and a node may share an address. What is not finished is no sign of life: rows keep it.
    holders = {(copy.ip, copy.hostname, copy.host_type) for copy in report.copies}
    answered = {(ip, hostname) for ip, hostname, kind in holders if kind == SEED}
    others = {(ip, hostname) for ip, hostname, kind in holders if kind != SEED}
    alive = sorted({ip for ip, _ in answered})
    checked = placement.checked_at or datetime.now(UTC)
    warm = f"{placement.key.repository}, warm at {checked:%Y-%m-%d %H:%M} UTC"
    if not alive:
        # Only who holds a layer answers: a seed that lost its disk is as silent as a dead one.
        detail = f"none says that it holds {warm}"
        advice = (
            "look whether they run; if they do, they lost what they held: start preheat_upkeep "
            "with check_all"
        )
        return Observation(cluster.name, _CHECK, State.LOOK, detail, advice)
    more = f", and {len(others)} other peers" if others else ""
    detail = f"{', '.join(alive)} answer{'s' if len(alive) == 1 else ''} for {warm}{more}"
    names = {name for seed in answered for name in seed}
    silent = sorted(set(cluster.hosts.get("seed_peers", ())) - names)
    if silent:
        detail = f"{', '.join(silent)} of clusters.yaml did not answer; {detail}"
        return Observation(
            cluster.name, _CHECK, State.LOOK, detail, "look at those hosts, or correct hosts"
        )
    return Observation(cluster.name, _CHECK, State.OK, detail)
