"""The shape of the two files, as pydantic models: the edge where text becomes checked values.

Used by the loader only; the rest of Preheat sees the dataclasses of ``preheat.policy.model``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from preheat.placement import Scope
from preheat.policy.criteria.age import Clock
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
)
from preheat.policy.matchers import Matcher, MatcherKind
from preheat.policy.model import OnMissing, OnPartial, Order

__all__ = ["ClusterFile", "ClusterSpec", "MatcherSpec", "PolicyFile", "RuleSpec", "TargetSpec"]

_LATER_ORDERS = {"semver", "calver", "numeric", "created"}
_LATER_MODES = {"none", "peers", "canaryPull"}


def _refuse_later(value: str, later: set[str]) -> None:
    if value in later:
        raise ValueError(f"{value!r} belongs to a later version and does nothing yet")


def _require_one(spec: Strict, what: str) -> None:
    if len(spec.model_fields_set) != 1:
        raise ValueError(f"write exactly one of {what}")


def _require_any(spec: Strict, what: str) -> None:
    if not spec.model_fields_set:
        raise ValueError(f"write at least one of {what}, or leave it out")


class MatcherSpec(Strict):
    """One pattern."""

    shape: ClassVar[str] = 'a matcher such as {glob: "v*"}, {exact: "v1"} or {regex: "v[0-9]+"}'
    exact: Text | None = None
    glob: Text | None = None
    regex: Text | None = None

    @field_validator("glob", "regex")
    @classmethod
    def _compile(cls, value: str | None, info: ValidationInfo) -> str | None:
        Matcher(MatcherKind(str(info.field_name)), value or "").check()
        return value

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        _require_one(self, "exact, glob and regex")
        return self


Matchers = Annotated[tuple[MatcherSpec, ...], Field(min_length=1)]
Texts = Annotated[tuple[Text, ...], Field(min_length=1)]


def _check_glob(value: str) -> str:
    Matcher(MatcherKind.GLOB, value).check()
    return value


Glob = Annotated[Text, AfterValidator(_check_glob)]


class RepositoriesSpec(Strict):
    """``repositories`` of a rule."""

    shape: ClassVar[str] = 'a map such as {include: [{glob: "front/**"}]}'
    include: Matchers = ()
    exclude: Matchers = ()

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        _require_any(self, "include and exclude")
        return self


class TagsSpec(Strict):
    """``tags`` of a rule."""

    shape: ClassVar[str] = 'a map such as {allow: [{glob: "v*"}]}'
    allow: Matchers = ()
    deny: Matchers = ()

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        _require_any(self, "allow and deny")
        return self


class LabelsSpec(Strict):
    """``labels`` of a rule."""

    shape: ClassVar[str] = "a map such as {all: [approved]}"
    all: Texts = ()
    any: Texts = ()
    none: Texts = ()

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        _require_any(self, "all, any and none")
        return self


class AgeSpec(Strict):
    """``age`` of a rule."""

    shape: ClassVar[str] = "a map such as {clock: pushed, max: 30d}"
    clock: Clock = Clock.PUSHED
    min: Duration | None = None
    max: Duration | None = None

    @field_validator("clock", mode="before")
    @classmethod
    def _known_clock(cls, value: object) -> object:
        _refuse_later(str(value), {"created"})
        return value

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("write at least one of min and max")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("'min' is larger than 'max': no image could ever pass")
        if self.clock is Clock.PULLED and self.min is not None:
            raise ValueError("'min' goes with clock: pushed only")
        return self


class OrderSpec(Strict):
    """``order`` of a rule."""

    later: ClassVar[frozenset[str]] = frozenset({"key", "ranges", "prerelease", "strict"})
    shape: ClassVar[str] = "a map such as {by: pushed}"
    by: Order

    @field_validator("by", mode="before")
    @classmethod
    def _known_order(cls, value: object) -> object:
        _refuse_later(str(value), _LATER_ORDERS)
        return value


class TakeSpec(Strict):
    """``take`` of a rule."""

    later: ClassVar[frozenset[str]] = frozenset({"plusPrevious", "from", "onIneligible"})
    shape: ClassVar[str] = "a map such as {newest: 3}"
    newest: Annotated[Number, Field(ge=1)]


class RuleSpec(Strict):
    """One entry of ``rules``."""

    later: ClassVar[frozenset[str]] = frozenset({"annotations"})
    shape: ClassVar[str] = "a map that begins with name:"
    name: FileName
    repositories: RepositoriesSpec | None = None
    tags: TagsSpec | None = None
    labels: LabelsSpec | None = None
    age: AgeSpec | None = None
    order: OrderSpec | None = None
    group_by: tuple[str, ...] = ("repository",)
    take: TakeSpec | None = None

    @field_validator("group_by")
    @classmethod
    def _only_repository(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if value != ("repository",):
            raise ValueError("'groupBy' is [repository]; captures come in a later version")
        return value


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
        _require_one(self, "percent, count and ips")
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
        _refuse_later(str(value), _LATER_MODES)
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
