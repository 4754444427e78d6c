"""Harbor's provider and cluster ids, made into targets; and what clusters.yaml lacks for them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import yaml

from preheat.importing.differences import Difference
from preheat.policy.model import Cluster, Clusters

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from preheat.harbor.preheating import PreheatInstance
    from preheat.importing.reading import HarborPolicy

__all__ = ["Inventory", "Targets", "slug"]

_UNFIT = re.compile(r"[^a-z0-9_]+")
LONGEST_NAME = 63
UNKNOWN_ENDPOINT = "https://harbor.example.com"
HEAD = ("apiVersion: preheat/v1alpha1", "kind: PreheatClusters", "clusters:")


@dataclass(frozen=True, slots=True)
class Targets:
    """Where a policy's images go.

    :param known: clusters to name, all of them in the inventory afterwards.
    """

    known: tuple[Cluster, ...]
    differences: tuple[Difference, ...] = ()


class Inventory:
    """The clusters there are, and those that imported policies need besides.

    :param clusters: of ``clusters.yaml``.
    :param instances: Harbor's providers; empty when the robot may not see them.
    :param managers: by name of a provider, the Airflow connection of its Dragonfly manager.
    :param registry: connection id of the Harbor.
    :param endpoint: the address that Harbor gives to Dragonfly; empty if unknown.
    """

    def __init__(
        self,
        clusters: Clusters,
        instances: Iterable[PreheatInstance],
        managers: Mapping[str, str],
        registry: str,
        endpoint: str,
    ) -> None:
        self._clusters = list(clusters)
        self._given = set(clusters.names)
        self._instances = {instance.id: instance for instance in instances}
        self._managers = managers
        self._registry = registry
        self._endpoint = endpoint or UNKNOWN_ENDPOINT

    @property
    def clusters(self) -> Clusters:
        """All of them, each with a pull endpoint for the Harbor: what the files are checked by."""
        return Clusters(tuple(self._completed(cluster) for cluster in self._clusters))

    @property
    def missing(self) -> list[Cluster]:
        """Clusters that clusters.yaml lacks."""
        return [self._completed(c) for c in self._clusters if c.name not in self._given]

    @property
    def without_endpoint(self) -> list[str]:
        """Clusters of clusters.yaml that do not say how they pull from the Harbor."""
        known = [c for c in self._clusters if c.name in self._given]
        return [c.name for c in known if self._registry not in c.pull_endpoints]

    def targets(self, policy: HarborPolicy) -> Targets:
        """Find the clusters of a policy, by the provider's connection and the scheduler cluster."""
        instance = self._instances.get(policy.provider_id)
        name = instance.name if instance else policy.provider_name
        told = list(_provider(name, instance))
        connection = self._connection(name)
        mine = [c for c in self._clusters if c.connection == connection]
        if not policy.cluster_ids:
            text = "It names no scheduler clusters, which means all that Dragonfly has;"
            end = "the file names those of clusters.yaml" if mine else "complete the targets"
            told.append(Difference("clusters", f"{text} {end}."))
        wanted = policy.cluster_ids or tuple(c.scheduler_cluster_id for c in mine) or (1,)
        by_id = {c.scheduler_cluster_id: c for c in reversed(mine)}
        found = [by_id.get(n) or self._add(name, connection, n) for n in dict.fromkeys(wanted)]
        new = [c for c in found if c.name not in self._given]
        if new:
            names = ", ".join(f"{c.name} (scheduler cluster {c.scheduler_cluster_id})" for c in new)
            text = f"clusters.yaml must get {names} of connection {connection} first."
            told.append(Difference("clusters", text))
        return Targets(tuple(found), tuple(told))

    def snippet(self) -> str:
        """Write what clusters.yaml lacks, with what a person must fill in; empty if nothing."""
        lines = [
            f"# add to the pullEndpoints of {name}:  {self._registry}: {self._endpoint}"
            for name in self.without_endpoint
        ]
        if self.missing:
            entries = [_entry(cluster) for cluster in self.missing]
            text = yaml.safe_dump(entries, sort_keys=False, default_flow_style=None, width=100)
            lines += [
                "# pullEndpoints must be what the nodes use, and platforms what they run: both are",
                "# guesses. The connections are Airflow's, to the Dragonfly managers.",
                *(() if self._given else HEAD),
                *(f"  {line}" for line in text.splitlines()),
            ]
        return "".join(f"{line}\n" for line in lines)

    def _connection(self, provider: str) -> str:
        if provider in self._managers:
            return self._managers[provider]
        known = list(dict.fromkeys(c.connection for c in self._clusters if c.name in self._given))
        if len(known) == 1:
            return known[0]
        is_only_one = not known and len(self._instances) <= 1
        return "dragonfly_default" if is_only_one else f"dragonfly_{slug(provider)}"

    def _add(self, provider: str, connection: str, number: int) -> Cluster:
        names = {cluster.name for cluster in self._clusters}
        name = unique(slug(f"{provider or 'dragonfly'}-{number}"), names)
        platforms = ("linux/amd64",)
        made = Cluster(name, connection, number, platforms=platforms, pool=f"preheat_{name}")
        self._clusters.append(made)
        return made

    def _completed(self, cluster: Cluster) -> Cluster:
        endpoints = {self._registry: self._endpoint, **cluster.pull_endpoints}
        return replace(cluster, pull_endpoints=endpoints)


def _provider(name: str, instance: PreheatInstance | None) -> Iterable[Difference]:
    if instance is None:
        text = f"Its provider {name!a} could not be read; it is taken for a Dragonfly manager."
        yield Difference("provider", text)
    elif instance.vendor != "dragonfly":
        text = f"Its provider {name!a} is of the kind {instance.vendor!a}; Preheat asks Dragonfly."
        yield Difference("provider", text, stops=True)
    elif not instance.enabled:
        text = f"Its provider {name!a} is disabled in Harbor, which asks it all the same."
        yield Difference("provider", text)


def _entry(cluster: Cluster) -> dict[str, object]:
    return {
        "name": cluster.name,
        "connection": cluster.connection,
        "schedulerClusterId": cluster.scheduler_cluster_id,
        "platforms": list(cluster.platforms),
        "pullEndpoints": dict(cluster.pull_endpoints),
    }


def slug(text: str) -> str:
    """Make a name that files, pools and policies may have."""
    return _UNFIT.sub("-", text.lower())[:LONGEST_NAME].strip("-_") or "imported"


def unique(name: str, taken: Iterable[str]) -> str:
    """Make a name that is not taken, by a number at its end."""
    taken = set(taken)
    found, number = name, 1
    while found in taken:
        number += 1
        end = f"-{number}"
        found = f"{name[: LONGEST_NAME - len(end)].rstrip('-_')}{end}"
    return found
