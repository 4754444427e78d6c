"""The shape of a policy file, as pydantic models: the edge where text becomes checked values.

Used by the loader only; the rest of Preheat sees the dataclasses of ``preheat.policy.model``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from preheat.demand import MinHosts, VerifyMode
from preheat.event import EventKind
from preheat.placement import Scope
from preheat.policy.budget import BudgetSpec
from preheat.policy.criteria.signature import SignatureSpec
from preheat.policy.criteria.size import SizeSpec
from preheat.policy.criteria.vulnerabilities import VulnerabilitiesSpec
from preheat.policy.fields import (
    MOST_ENTRIES,
    ONE_KEY,
    SOME_KEYS,
    Cron,
    Duration,
    FileName,
    Flag,
    HostShare,
    IpAddress,
    Number,
    Platform,
    Strict,
    Text,
    TimeZone,
    between,
    refuse_later,
    require_any,
    require_one,
)
from preheat.policy.keepwarm import KeepWarmSpec
from preheat.policy.model import OnMissing, OnPartial
from preheat.policy.patterns import Glob
from preheat.policy.pins import PinSpec
from preheat.policy.ruleschema import Rules
from preheat.policy.windows import WindowsSpec

__all__ = ["ONE_PEER", "GatesSpec", "PolicyFile", "SubmitSpec", "TargetSpec"]

ONE_PEER = "'peers' goes with all_seed_peers and all_peers; single_seed_peer is one peer"
_LATER_MODES = {"none", "canaryPull"}
_LATER_EVENTS = {"policyChanged", "clusterAdded"}
_Event = Literal[
    EventKind.PUSHED,
    EventKind.TAG_ADDED,
    EventKind.SCANNED,
    EventKind.LABEL_ADDED,
    EventKind.SIGNED,
]
_ONE_WAY = {"oneOf": [{"required": ["cluster"]}, {"required": ["clusterSelector"]}]}


class SourceSpec(Strict):
    """One entry of ``sources``."""

    shape: ClassVar[str] = "a map such as {registry: harbor_default, projects: [web]}"
    registry: Text = Field(description="Airflow connection id of a Harbor.")
    projects: Annotated[tuple[Glob, ...], Field(min_length=1, max_length=MOST_ENTRIES)] = Field(
        description="Names or globs of projects."
    )
    artifact_types: Annotated[
        tuple[Literal["image", "cnai", "chart", "wasm"], ...], Field(min_length=1)
    ] = Field(("image",), description="Kinds of artifact.")


class PlatformsSpec(Strict):
    """``platforms``."""

    shape: ClassVar[str] = "a map such as {include: [linux/amd64]}"
    include: Annotated[tuple[Platform, ...], Field(min_length=1, max_length=MOST_ENTRIES)] = Field(
        description="`os/arch[/variant]`; holds for every cluster."
    )
    on_missing: OnMissing = Field(
        OnMissing.SKIP,
        description="What it means when an image lacks one: nothing, or a red run.",
    )


class PeersSpec(Strict, json_schema_extra=ONE_KEY):
    """``peers`` of a target."""

    shape: ClassVar[str] = "a map such as {percent: 25}"
    percent: Annotated[Number, Field(ge=1, le=100)] | None = Field(
        None, description="So many of a hundred, rounded down, at least one."
    )
    count: Annotated[Number, Field(ge=1, le=200)] | None = Field(None, description="So many.")
    ips: Annotated[tuple[IpAddress, ...], Field(min_length=1, max_length=100)] | None = Field(
        None, description="These."
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        require_one(self, "percent, count and ips")
        return self


class TargetSpec(Strict, json_schema_extra=_ONE_WAY):
    """One entry of ``targets``."""

    shape: ClassVar[str] = "a map such as {cluster: eu-1, scope: all_seed_peers}"
    cluster: Text | None = Field(None, description="A cluster by name.")
    cluster_selector: Annotated[dict[str, str], Field(min_length=1)] | None = Field(
        None, description="Clusters that carry all these labels."
    )
    scope: Scope = Field(description="Which peers should hold the image, in Dragonfly's words.")
    peers: PeersSpec | None = Field(None, description="A part of the peers in scope.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.cluster is None) == (self.cluster_selector is None):
            raise ValueError("write exactly one of cluster and clusterSelector")
        if self.peers is not None and self.scope is Scope.SINGLE_SEED_PEER:
            raise ValueError(ONE_PEER)
        return self


class GatesSpec(Strict, json_schema_extra=SOME_KEYS):
    """``gates``: what every image must pass, whatever rule selects it."""

    later: ClassVar[frozenset[str]] = frozenset({"attestations"})
    shape: ClassVar[str] = "a map such as {vulnerabilities: {rejectSeverity: high}}"
    size: SizeSpec | None = Field(None, description="How big an image may be.")
    vulnerabilities: VulnerabilitiesSpec | None = Field(None, description="What its scan may say.")
    signature: SignatureSpec | None = Field(None, description="Whether it must be signed.")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        require_any(self, "size, vulnerabilities and signature")
        return self


class ScheduleSpec(Strict):
    """``triggers.schedule``."""

    later: ClassVar[frozenset[str]] = frozenset({"readyBy", "days"})
    shape: ClassVar[str] = 'a map such as {cron: "0 2 * * *", timezone: UTC}'
    cron: Cron = Field(description="Five fields: minute, hour, day, month, weekday.")
    timezone: TimeZone = Field(description="In whose hours, such as `Europe/Berlin`.")


class TriggersSpec(Strict, json_schema_extra=SOME_KEYS):
    """``triggers``: when the policy runs by itself."""

    later: ClassVar[frozenset[str]] = frozenset({"assets", "manual", "debounce"})
    shape: ClassVar[str] = (
        'a schedule or events, such as {schedule: {cron: "0 2 * * *", timezone: UTC}}'
    )
    schedule: ScheduleSpec | None = Field(None, description="At fixed times.")
    events: Annotated[tuple[_Event, ...], Field(min_length=1)] = Field(
        (),
        description="When something happens in Harbor, over the repository where it happened.",
    )

    @field_validator("events", mode="before")
    @classmethod
    def _known_events(cls, value: object) -> object:
        for event in value if isinstance(value, list) else ():
            refuse_later(str(event), _LATER_EVENTS)
        return value

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        require_any(self, "schedule and events", optional=False)
        return self


class SubmitSpec(Strict):
    """``submit``; Dragonfly's manager gives a job up after 62.5 minutes (dragonfly: pollingJob)."""

    later: ClassVar[frozenset[str]] = frozenset({"by"})
    timeout: Annotated[Duration, between("10s", "1h")] = Field(
        timedelta(hours=1), description="How long Dragonfly may work on one job."
    )
    concurrent_tasks: Annotated[Number, Field(ge=1, le=100)] = Field(
        8, description="Layers at once in one job."
    )
    concurrent_peers: Annotated[Number, Field(ge=1, le=1000)] = Field(
        500, description="Peers at once per layer."
    )
    fresh_for: Duration = Field(
        timedelta(hours=6),
        description="What was proved warm less than this ago is not asked for again.",
    )


class RetrySpec(Strict):
    """``retry``."""

    later: ClassVar[frozenset[str]] = frozenset({"reasons"})
    attempts: Annotated[Number, Field(ge=1, le=20)] = Field(
        3, description="Tries in all, the first included."
    )
    backoff: Annotated[Duration, between("1s", "1d")] = Field(
        timedelta(seconds=15), description="Wait before the second try; doubles each time."
    )
    max_backoff: Annotated[Duration, between("1s", "1d")] = Field(
        timedelta(minutes=5), description="The longest wait."
    )

    @model_validator(mode="after")
    def _bounds(self) -> Self:
        if self.backoff > self.max_backoff:
            raise ValueError("'backoff' is longer than 'maxBackoff'")
        return self


class VerifySpec(Strict):
    """``verify``."""

    shape: ClassVar[str] = "a map such as {mode: peers, minHosts: 95%, onPartial: retry}"
    mode: VerifyMode = Field(
        VerifyMode.LAYERS,
        description="How warmth is proved: by the job's report against the manifest, or by asking"
        " every peer for every layer.",
    )
    min_hosts: HostShare = Field(
        MinHosts(),
        description="How many of the hosts in scope must hold every layer: a percentage, rounded"
        " up, or a number.",
    )
    on_partial: OnPartial = Field(
        OnPartial.RETRY, description="What it means when layers are missing somewhere."
    )

    @field_validator("mode", mode="before")
    @classmethod
    def _known_mode(cls, value: object) -> object:
        refuse_later(str(value), _LATER_MODES)
        return value


class MetadataSpec(Strict):
    """``metadata``."""

    shape: ClassVar[str] = "a map that holds name:"
    name: FileName = Field(description="The file's name without `.yaml`.")
    description: Text = Field("", description="What the policy is for.")
    owner: Text = Field("", description="Who answers for it.")
    labels: dict[str, Text] = Field(
        default_factory=dict, description="Words about the policy; its DAG is tagged `key:value`."
    )


class PolicySpec(Strict):
    """``spec``."""

    later: ClassVar[frozenset[str]] = frozenset({
        "approval", "deadline", "emit", "extends", "notify", "priority", "rollout",
    })  # fmt: skip
    suspend: Flag = Field(default=False, description="Keep the policy, but do not run it.")
    sources: Annotated[tuple[SourceSpec, ...], Field(min_length=1, max_length=MOST_ENTRIES)] = (
        Field(description="Where candidates come from.")
    )
    rules: Rules = Field(
        description="What selects among them; an image is in if any rule takes it."
    )
    pins: Annotated[tuple[PinSpec, ...], Field(min_length=1, max_length=1000)] = Field(
        (), description="Images that are always in, until a day."
    )
    platforms: PlatformsSpec | None = Field(
        None, description="Which platforms; left out, those of each cluster."
    )
    gates: GatesSpec | None = Field(None, description="What every image must pass.")
    budget: BudgetSpec | None = Field(None, description="How much may be asked for.")
    targets: Annotated[tuple[TargetSpec, ...], Field(min_length=1, max_length=MOST_ENTRIES)] = (
        Field(description="Where images should be warm.")
    )
    windows: WindowsSpec | None = Field(None, description="When asking is allowed.")
    triggers: TriggersSpec = Field(description="When the policy runs by itself.")
    submit: SubmitSpec = Field(SubmitSpec(), description="How Dragonfly is asked.")
    retry: RetrySpec = Field(RetrySpec(), description="How often, and after what wait.")
    verify: VerifySpec = Field(VerifySpec(), description="How warmth is proved.")
    keep_warm: KeepWarmSpec | None = Field(None, description="Look after the images between runs.")


class PolicyFile(Strict):
    """A policy file."""

    api_version: Literal["preheat/v1alpha1"] = Field(description="Version of the language.")
    kind: Literal["PreheatPolicy"] = Field(description="What the file holds.")
    metadata: MetadataSpec = Field(description="What the policy is called.")
    spec: PolicySpec = Field(description="What the policy says.")
