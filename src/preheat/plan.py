"""A plan: every decision of one policy at one moment, and the placements they lead to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from preheat.difference import Difference
    from preheat.facts import Question
    from preheat.placement import PlacementKey, TrackSettings

__all__ = [
    "IMAGES_PLAN",
    "LOOKS",
    "UPKEEP_PLAN",
    "VERIFY_PLAN",
    "ClusterBytes",
    "Decision",
    "Disposition",
    "KeepWarm",
    "Plan",
    "PlannedPlacement",
    "Reason",
    "ReasonCode",
    "Waiting",
]

IMAGES_PLAN = "preheat_images"
"""Name that plans of typed images carry in place of a policy's."""
UPKEEP_PLAN = "preheat_upkeep"
"""Name that upkeep's plans carry: what is kept warm, and due."""
VERIFY_PLAN = "preheat_verify"
"""Name that plans carry by which somebody only looks again."""
LOOKS = (UPKEEP_PLAN, VERIFY_PLAN)
"""Plans that want nothing warm: they look at what others want."""


class ReasonCode(StrEnum):
    """Why a candidate was selected or not: one code for each step of the evaluation."""

    SELECTED = "SELECTED"
    TYPE_EXCLUDED = "TYPE_EXCLUDED"
    REPO_NOT_INCLUDED = "REPO_NOT_INCLUDED"
    REPO_EXCLUDED = "REPO_EXCLUDED"
    UNTAGGED = "UNTAGGED"
    TAG_NOT_ALLOWED = "TAG_NOT_ALLOWED"
    TAG_DENIED = "TAG_DENIED"
    LABEL_MISSING = "LABEL_MISSING"
    LABEL_EXCLUDED = "LABEL_EXCLUDED"
    UNPARSABLE = "UNPARSABLE"
    OUT_OF_RANGE = "OUT_OF_RANGE"
    PRERELEASE = "PRERELEASE"
    TOO_YOUNG = "TOO_YOUNG"
    TOO_OLD = "TOO_OLD"
    NOT_RECENTLY_PULLED = "NOT_RECENTLY_PULLED"
    TOO_BIG = "TOO_BIG"
    NO_SCAN = "NO_SCAN"
    SCAN_STALE = "SCAN_STALE"
    SEVERITY = "SEVERITY"
    UNSIGNED = "UNSIGNED"
    SAME_DIGEST_AS = "SAME_DIGEST_AS"
    NOT_NEWEST = "NOT_NEWEST"
    PINNED = "PINNED"
    PLATFORM_MISSING = "PLATFORM_MISSING"
    PLATFORM_NOT_WANTED = "PLATFORM_NOT_WANTED"


class Reason(Struct, frozen=True, gc=False):
    """One reason, in words a newcomer understands.

    :param detail: names the value met and the value wanted.
    :param line: 1-based line of the policy file that decided.
    """

    code: ReasonCode
    detail: str = ""
    rule: str = ""
    line: int | None = None


class Waiting(Reason, frozen=True, gc=False):
    """A reason that may go by itself, such as a scan that is still to come."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of one candidate, an artifact per platform (``platform`` is "" before that step).

    :param registry: Airflow connection id of the Harbor.
    :param repository: project and repository.
    :param digest: digest of the artifact that Harbor lists.
    :param tags: all its tags; those that the rule picked come first.
    :param image: digest of the platform's own manifest, where the candidate is selected.
    :param others: where a rule or pin takes the artifact, why the other rules do not.
    """

    registry: str
    repository: str
    digest: str
    tags: tuple[str, ...]
    platform: str
    selected: bool
    reasons: tuple[Reason, ...]
    others: tuple[Reason, ...] = ()
    image: str = ""


class Disposition(StrEnum):
    """What a plan does with a placement."""

    ASK = "ASK"
    LOOK = "LOOK"
    ALREADY_WARM = "ALREADY_WARM"
    NEXT_RUN = "NEXT_RUN"
    DRY_RUN = "DRY_RUN"
    OVER_BUDGET = "OVER_BUDGET"
    WINDOW_CLOSED = "WINDOW_CLOSED"

    @property
    def words(self) -> str:
        """As a person says it: ``window closed``."""
        return self.value.lower().replace("_", " ")


@dataclass(frozen=True, slots=True)
class PlannedPlacement:
    """One thing to warm, in the order of the plan.

    :param label: what a person reads in the grid, ``library/app:1.2 linux/amd64``.
    :param detail: why it is not asked for now, if it is not.
    """

    key: PlacementKey
    settings: TrackSettings
    label: str
    tags: tuple[str, ...] = ()
    wave: int = 1
    disposition: Disposition = Disposition.ASK
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ClusterBytes:
    """What one cluster is asked to hold that it is not known to hold.

    :param images: images that are asked for there.
    :param bytes: their blobs, each once an endpoint and repository: Dragonfly's cache key is the
        whole blob URL.
    :param unknown: images whose manifest nobody read yet; they are not in ``bytes``.
    """

    images: int = 0
    bytes: int = 0
    unknown: int = 0


@dataclass(frozen=True, slots=True)
class KeepWarm:
    """That what a plan selects stays warm after the run; see :mod:`preheat.policy.keepwarm`.

    :param recheck: how old its proof may get.
    :param until: for how long after the last plan that selected it.
    """

    recheck: timedelta
    until: timedelta


@dataclass(frozen=True, slots=True)
class Plan:
    """All that one evaluation decided.

    :param policy: the policy's name, or ``preheat_images`` for typed images.
    :param policy_text: the file as evaluated, with its SHA-256 as ``policy_hash``.
    :param clusters: the cluster entries used, as plain data.
    :param warnings: what a reader should know, such as a source that matched no project.
    :param failures: why the run must end red whatever becomes of its placements, such as a platform
        that the policy insists on and an image lacks.
    :param questions: what must be found out before the plan is final; see :mod:`preheat.facts`.
    :param bytes: by cluster name.
    :param difference: images that came and went since the policy's last plan; None if unknown.
    :param opens_at: when the window opens that the run should wait for.
    :param over_budget: what a person is to be asked, where the budget says so.
    :param keep_warm: whether and for how long what it asks for is looked after between runs.
    :param partial: whether it looks at some repositories only, so that what it lacks says nothing.
    :param dry_run: whether it was made to look at, and nothing is asked.
    """

    policy: str
    evaluated_at: datetime
    decisions: Sequence[Decision]
    placements: tuple[PlannedPlacement, ...]
    policy_text: str = ""
    policy_hash: str = ""
    clusters: tuple[Mapping[str, object], ...] = ()
    accept_partial: bool = False
    warnings: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()
    bytes: Mapping[str, ClusterBytes] = field(default_factory=dict)
    difference: Difference | None = None
    opens_at: datetime | None = None
    over_budget: str = ""
    keep_warm: KeepWarm | None = None
    partial: bool = False
    dry_run: bool = False

    def as_dry_run(self) -> Plan:
        """Show what it would do, and do none of it: nothing is asked, nobody is waited for.

        A placement that it would not ask for keeps the words that say why.
        """
        return replace(
            self,
            placements=tuple(
                replace(placement, disposition=Disposition.DRY_RUN) for placement in self.placements
            ),
            opens_at=None,
            over_budget="",
            dry_run=True,
        )

    def counts(self) -> dict[str, int]:
        """How many decisions each reason code has (the first, deciding reason counts)."""
        if isinstance(self.decisions, _Counting):
            return self.decisions.counts()
        return dict(Counter(decision.reasons[0].code.value for decision in self.decisions))


@runtime_checkable
class _Counting(Protocol):
    """Decisions that know their counts without being made."""

    def counts(self) -> dict[str, int]:
        """Give how many decisions have each reason code first."""
        ...
