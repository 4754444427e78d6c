"""The shape of the two files, as pydantic models: the edge where text becomes checked values.

Used by the loader only; the rest of Preheat sees the dataclasses of ``preheat.policy.model``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from preheat.placement import Scope
from preheat.policy.fields import (
    Cron,
    Duration,
    FileName,
    Flag,
    IpAddress,
    Number,
    Platform,
    PullEndpoint,
    Strict,
    Text,
    TimeZone,
    between,
    refuse_later,
    require_one,
)
from preheat.policy.model import OnMissing, OnPartial
from preheat.policy.ruleschema import Glob, RuleSpec

__all__ = ["ClusterFile", "ClusterSpec", "PolicyFile", "SubmitSpec", "TargetSpec"]

_LATER_MODES = {"none", "peers", "canaryPull"}


class SourceSpec(Strict):
    """One entry of ``sources``."""

    shape: ClassVar[str] = "a map such as {registry: harbor_default, projects: [web]}"
    registry: Text
    projects: Annotated[tuple[Glob, ...], Field(min_length=1)]
    artifact_types: Annotated[
        tuple[Literal["image", "cnai", "chart", "wasm"], ...], Field(min_length=1)
    ] = ("image",)


class PlatformsSpec(Strict):
    """``platforms``."""

    shape: ClassVar[str] = "a map such as {include: [linux/amd64]}"
    include: Annotated[tuple[Platform, ...], Field(min_length=1)]
    on_missing: OnMissing = OnMissing.SKIP


class PeersSpec(Strict):
    """``peers`` of a target."""

    shape: ClassVar[str] = "a map such as {percent: 25}"
    percent: Annotated[Number, Field(ge=1, le=100)] | None = None
    count: Annotated[Number, Field(ge=1, le=200)] | None = None
    ips: Annotated[tuple[IpAddress, ...], Field(min_length=1, max_length=100)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        require_one(self, "percent, count and ips")
        return self


class TargetSpec(Strict):
    """One entry of ``targets``."""

    shape: ClassVar[str] = "a map such as {cluster: eu-1, scope: all_seed_peers}"
    cluster: Text | None = None
    cluster_selector: Annotated[dict[str, str], Field(min_length=1)] | None = None
    scope: Scope
    peers: PeersSpec | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.cluster is None) == (self.cluster_selector is None):
            raise ValueError("write exactly one of cluster and clusterSelector")
        if self.peers is not None and self.scope is Scope.SINGLE_SEED_PEER:
            raise ValueError(
                "'peers' goes with all_seed_peers and all_peers; single_seed_peer is one peer"
            )
        return self


class ScheduleSpec(Strict):
    """``triggers.schedule``."""

    later: ClassVar[frozenset[str]] = frozenset({"readyBy", "days"})
    shape: ClassVar[str] = 'a map such as {cron: "0 2 * * *", timezone: UTC}'
    cron: Cron
    timezone: TimeZone


class TriggersSpec(Strict):
    """``triggers``."""

    later: ClassVar[frozenset[str]] = frozenset({"events", "assets", "manual", "debounce"})
    shape: ClassVar[str] = 'a map such as {schedule: {cron: "0 2 * * *", timezone: UTC}}'
    schedule: ScheduleSpec


class SubmitSpec(Strict):
    """``submit``; Dragonfly's manager gives a job up after 62.5 minutes (dragonfly: pollingJob)."""

    later: ClassVar[frozenset[str]] = frozenset({"by"})
    timeout: Annotated[Duration, between("10s", "1h")] = timedelta(hours=1)
    concurrent_tasks: Annotated[Number, Field(ge=1, le=100)] = 8
    concurrent_peers: Annotated[Number, Field(ge=1, le=1000)] = 500
    fresh_for: Duration = timedelta(hours=6)


class RetrySpec(Strict):
    """``retry``."""

    later: ClassVar[frozenset[str]] = frozenset({"reasons"})
    attempts: Annotated[Number, Field(ge=1, le=20)] = 3
    backoff: Annotated[Duration, between("1s", "1d")] = timedelta(seconds=15)
    max_backoff: Annotated[Duration, between("1s", "1d")] = timedelta(minutes=5)

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.backoff > self.max_backoff:
            raise ValueError("'backoff' is longer than 'maxBackoff'")
        return self


class VerifySpec(Strict):
    """``verify``."""

    later: ClassVar[frozenset[str]] = frozenset({"minHosts"})
    shape: ClassVar[str] = "a map such as {mode: layers, onPartial: retry}"
    mode: Literal["layers"] = "layers"
    on_partial: OnPartial = OnPartial.RETRY

    @field_validator("mode", mode="before")
    @classmethod
    def _known_mode(cls, value: object) -> object:
        refuse_later(str(value), _LATER_MODES)
        return value


class MetadataSpec(Strict):
    """``metadata``."""

    later: ClassVar[frozenset[str]] = frozenset({"labels"})
    shape: ClassVar[str] = "a map that holds name:"
    name: FileName
    description: Text = ""
    owner: Text = ""


class PolicySpec(Strict):
    """``spec``."""

    later: ClassVar[frozenset[str]] = frozenset({
        "approval", "budget", "deadline", "emit", "extends", "gates", "keepWarm", "notify", "pins",
        "priority", "rollout", "windows",
    })  # fmt: skip
    suspend: Flag = False
    sources: Annotated[tuple[SourceSpec, ...], Field(min_length=1)]
    rules: Annotated[tuple[RuleSpec, ...], Field(min_length=1)]
    targets: Annotated[tuple[TargetSpec, ...], Field(min_length=1)]
    platforms: PlatformsSpec | None = None
    triggers: TriggersSpec | None = None
    submit: SubmitSpec = SubmitSpec()
    retry: RetrySpec = RetrySpec()
    verify: VerifySpec = VerifySpec()


class PolicyFile(Strict):
    """A policy file."""

    api_version: Literal["preheat/v1alpha1"]
    kind: Literal["PreheatPolicy"]
    metadata: MetadataSpec
    spec: PolicySpec


class HostsSpec(Strict):
    """``hosts`` of a cluster."""

    shape: ClassVar[str] = "a map such as {seedPeers: [10.0.0.1]}"
    seed_peers: Annotated[tuple[IpAddress, ...], Field(min_length=1)] = ()
    peers: Annotated[tuple[IpAddress, ...], Field(min_length=1)] = ()


class ClusterSpec(Strict):
    """One entry of ``clusters``."""

    later: ClassVar[frozenset[str]] = frozenset({"timezone", "blobDigestTaskIds"})
    shape: ClassVar[str] = "a map that begins with name:"
    name: FileName
    driver: Literal["dragonfly"] = "dragonfly"
    connection: Text
    scheduler_cluster_id: Annotated[Number, Field(ge=1)]
    labels: dict[str, str] = Field(default_factory=dict)
    platforms: Annotated[tuple[Platform, ...], Field(min_length=1)] = ()
    pull_endpoints: Annotated[dict[str, PullEndpoint], Field(min_length=1)]
    pool: Text = ""
    max_concurrent_jobs: Annotated[Number, Field(ge=1, le=1000)] = 10
    hosts: HostsSpec = HostsSpec()


class ClusterFile(Strict):
    """``include/clusters.yaml``."""

    api_version: Literal["preheat/v1alpha1"]
    kind: Literal["PreheatClusters"]
    clusters: Annotated[tuple[ClusterSpec, ...], Field(min_length=1)]
