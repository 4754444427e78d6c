"""All checks, each for itself: the failure of one hides none of the others."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from preheat.doctor import airflowside, clusters, dags, endpoints, files, ledger, remotes
from preheat.doctor.observations import Examination, Observation, State
from preheat.errors import PreheatError
from preheat.threads import in_this_context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from preheat.doctor.setup import Setup

__all__ = ["examine"]

_AT_ONCE = 8


@dataclass(frozen=True)
class _Look:
    """One check, to be run on its own.

    :param about: and
    :param check: what it is told under when it fails.
    """

    about: str
    check: str
    run: Callable[[], Iterable[Observation]]

    def observations(self) -> list[Observation]:
        """Look; whatever goes wrong is an observation too."""
        try:
            return list(self.run())
        except PreheatError as error:
            return [Observation(self.about, self.check, State.WRONG, str(error))]
        except Exception as error:  # noqa: BLE001 - a mistake in one check must not hide the others
            detail = f"looking failed: {type(error).__name__}: {error}"
            advice = "this is a mistake in Preheat: please report it"
            return [Observation(self.about, self.check, State.UNKNOWN, detail, advice)]


def examine(setup: Setup, now: Callable[[], datetime]) -> Examination:
    """Look at everything, several things at a time; takes as long as the slowest of them.

    Asks the managers for a few small jobs that heat nothing: whether a scheduler is there, and
    what the peers hold of one image that was warm.

    :param now: our clock.
    """
    looks = list(_looks(setup, now))
    with ThreadPoolExecutor(_AT_ONCE, "doctor") as pool:
        seen = pool.map(in_this_context(_Look.observations), looks)
        return Examination(tuple(one for some in seen for one in some))


def _looks(setup: Setup, now: Callable[[], datetime]) -> Iterator[_Look]:
    """List the checks in the order in which they are told."""
    yield _Look("Preheat", "versions", partial(files.versions, setup))
    yield _Look("Preheat", "policies", partial(files.policies, setup))
    yield _Look("ledger", "database", partial(ledger.observe, setup.ledger, now))
    for name, client in setup.harbors.items():
        yield _Look(name, "connection", partial(remotes.harbor, name, client))
        yield _Look(name, "token life", partial(remotes.token_life, name, client, setup))
        yield _Look(name, "webhooks", partial(dags.webhooks, name, setup))
    for name, driver in setup.drivers.items():
        yield _Look(name, "connection", partial(remotes.manager, name, driver))
    yield _Look("clusters.yaml", "same peers", partial(clusters.same_peers, setup))
    for cluster in setup.clusters:
        yield _Look(cluster.name, "cluster", partial(clusters.manager_side, cluster, setup))
        yield _Look(cluster.name, "seed peers", partial(clusters.seeds, cluster, setup))
        yield _Look(cluster.name, "pull endpoint", partial(endpoints.observe, cluster, setup))
        yield _Look(cluster.name, "pool", partial(airflowside.pool, cluster, setup.airflow))
    yield _Look("Airflow", "running parts", partial(airflowside.health, setup.airflow))
    yield _Look("Airflow", "triggerer capacity", partial(airflowside.triggerer, setup))
    yield _Look("Airflow", "DAGs", partial(dags.dags, setup))
