"""The shape of ``include/clusters.yaml``."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from preheat.policy.fields import (
    FileName,
    IpAddress,
    Number,
    Platform,
    PullEndpoint,
    Strict,
    Text,
)

__all__ = ["ClusterFile", "ClusterSpec"]


class HostsSpec(Strict):
    """``hosts`` of a cluster."""

    shape: ClassVar[str] = "a map such as {seedPeers: [10.0.0.1]}"
    seed_peers: Annotated[tuple[IpAddress, ...], Field(min_length=1)] = Field(
        (), description="Addresses of the seed peers."
    )
    peers: Annotated[tuple[IpAddress, ...], Field(min_length=1)] = Field(
        (), description="Addresses of the other peers."
    )


class ClusterSpec(Strict):
    """One entry of ``clusters``."""

    later: ClassVar[frozenset[str]] = frozenset({"timezone", "blobDigestTaskIds"})
    shape: ClassVar[str] = "a map that begins with name:"
    name: FileName = Field(description="What policies and forms call it.")
    driver: Literal["dragonfly"] = Field("dragonfly", description="What distributes images there.")
    connection: Text = Field(description="Airflow connection id of its Dragonfly manager.")
    scheduler_cluster_id: Annotated[Number, Field(ge=1)] = Field(
        description="Dragonfly's id of the scheduler cluster."
    )
    labels: dict[str, str] = Field(
        default_factory=dict, description="Words that policies can choose clusters by."
    )
    platforms: Annotated[tuple[Platform, ...], Field(min_length=1)] = Field(
        (), description="What its nodes run; used where a policy names no platforms."
    )
    pull_endpoints: Annotated[dict[str, PullEndpoint], Field(min_length=1)] = Field(
        description="By registry connection id, scheme and host that its nodes pull from: the exact"
        " text counts, Dragonfly's cache key holds it."
    )
    pool: Text = Field("", description="Airflow pool that caps the jobs in flight there.")
    max_concurrent_jobs: Annotated[Number, Field(ge=1, le=1000)] = Field(
        10,
        description="Slots of that pool: jobs in flight at once. 10 is what a manager takes in one"
        " second; a burst of 200 jobs left 175 of 800 layers missing on one seed.",
    )
    hosts: HostsSpec = Field(
        HostsSpec(), description="Peers that must hold an image, if they are known."
    )


class ClusterFile(Strict):
    """``include/clusters.yaml``."""

    api_version: Literal["preheat/v1alpha1"] = Field(description="Version of the language.")
    kind: Literal["PreheatClusters"] = Field(description="What the file holds.")
    clusters: Annotated[tuple[ClusterSpec, ...], Field(min_length=1)] = Field(
        description="The Dragonfly clusters that policies can name."
    )
