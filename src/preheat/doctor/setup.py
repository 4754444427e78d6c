"""What the doctor is given to look at; whatever could not be had is there as its error."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from preheat.errors import PreheatError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from preheat.drivers.base import Driver
    from preheat.harbor.client import HarborClient
    from preheat.ledger import Ledger
    from preheat.policy.folder import PolicyEntry
    from preheat.policy.model import Clusters

__all__ = ["AirflowSide", "Pool", "Setup", "attempted"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pool:
    """A pool as Airflow has it; -1 slots are without limit."""

    slots: int
    include_deferred: bool


@dataclass(frozen=True, slots=True)
class AirflowSide:
    """What matters of Airflow.

    :param pools: by name; None where they cannot be seen, as in a task.
    :param triggerer_capacity: triggers of one triggerer, as the setting says.
    :param health: state of each of its parts, as its API server tells it, None for a part that
        never ran; an error where it does not tell; None where nobody knows its address.
    :param paused: of the DAGs that it knows, by id; None where they cannot be seen, as in a task.
    """

    version: str
    pools: Mapping[str, Pool] | None
    triggerer_capacity: int
    health: Mapping[str, str | None] | PreheatError | None = None
    paused: Mapping[str, bool] | None = None


@dataclass(frozen=True)
class Setup:
    """An installation of Preheat.

    :param harbors: by Airflow connection id.
    :param drivers: by Airflow connection id.
    :param ledger: as it is, not brought up to date.
    :param webhooks: whether a Harbor's connection says by what its webhooks are known.
    """

    clusters: Clusters
    policies: tuple[PolicyEntry, ...]
    harbors: Mapping[str, HarborClient | PreheatError]
    drivers: Mapping[str, Driver | PreheatError]
    ledger: Ledger | PreheatError
    airflow: AirflowSide
    version: str = field(default="")
    webhooks: Mapping[str, bool | PreheatError] = field(default_factory=dict)


def attempted(make: Callable[[], T]) -> T | PreheatError:
    """Make something, or give the error that came instead."""
    try:
        return make()
    except PreheatError as error:
        return error
