"""What a change of policies changes: placements that come, that go, and settings."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from preheat.cli.plan.clusterchanges import cluster_changes
from preheat.cli.preview import Sizes
from preheat.cli.problems import problem_count
from preheat.policy.effective import effective_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from preheat.cli.plan.made import Made, PlannedImage
    from preheat.plan import PlannedPlacement, Reason
    from preheat.policy.folder import PolicyEntry

__all__ = ["ImageChange", "PolicyChange", "Setting", "Status", "compare"]

_Key = tuple[str, str, str, str]


class Status(StrEnum):
    """What became of a policy."""

    NEW = "new"
    REMOVED = "removed"
    CHANGED = "changed"
    SAME = "same"
    BROKEN = "broken"


@dataclass(frozen=True)
class ImageChange:
    """One image that is warmed in more or fewer places.

    :param why: it is warmed now; or, where it is no longer, why not.
    """

    image: PlannedImage
    added: tuple[PlannedPlacement, ...] = ()
    removed: tuple[PlannedPlacement, ...] = ()
    why: tuple[Reason, ...] = ()

    @property
    def moves(self) -> bool:
        """Whether it goes to the same peers by another pull endpoint."""
        came = {(p.key.cluster, p.key.scope, str(p.key.peers)) for p in self.added}
        return any((p.key.cluster, p.key.scope, str(p.key.peers)) in came for p in self.removed)


@dataclass(frozen=True)
class Setting:
    """One value of the file that differs; None where it is not there."""

    path: str
    before: object
    after: object


@dataclass(frozen=True)
class PolicyChange:
    """All that changed of one policy.

    :param kept: placements that stay.
    :param bytes: by cluster, before and after.
    :param sizes: how well sizes are known.
    :param notes: what a reader should know.
    :param failures: why a run of the new policy would fail.
    """

    name: str
    status: Status
    images: tuple[ImageChange, ...] = ()
    kept: int = 0
    bytes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    settings: tuple[Setting, ...] = ()
    notes: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    sizes: Sizes = field(default_factory=Sizes)

    @property
    def is_told(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.status is not Status.SAME or self.notes or self.failures)

    @property
    def why_gone(self) -> str:
        """Why images go that the policy no longer looks at."""
        if self.status is Status.REMOVED:
            return "the policy is removed"
        if self.status is Status.BROKEN:
            return "the policy has problems"
        return "no source of the policy covers it any more"

    @property
    def byte_difference(self) -> int:
        """Bytes over all clusters, after less before."""
        return sum(after - before for before, after in self.bytes.values())


def compare(
    name: str,
    before: PolicyEntry | None,
    after: PolicyEntry | None,
    made: tuple[Made | None, Made | None],
) -> PolicyChange:
    """Compare two versions of one policy.

    :param before: its file then; None if there was none.
    :param after: its file now.
    :param made: the plans of both, None for a file that is missing or has problems.
    """
    old, new = made
    images, kept = _images(old, new)
    settings = _settings(before, after, old, new)
    return PolicyChange(
        name=name,
        status=_status(before, after, changed=bool(images or settings)),
        images=images,
        kept=kept,
        bytes=_bytes(old, new),
        settings=settings,
        notes=(*_notes(before, after), *_new_warnings(old, new)),
        failures=new.plan.failures if new else (),
        sizes=next((each.sizes for each in made if each and each.sizes.finer), Sizes()),
    )


def _status(before: PolicyEntry | None, after: PolicyEntry | None, *, changed: bool) -> Status:
    if after is None:
        return Status.REMOVED
    if after.policy is None:
        return Status.BROKEN
    if before is None:
        return Status.NEW
    return Status.CHANGED if changed or before.policy is None else Status.SAME


def _notes(before: PolicyEntry | None, after: PolicyEntry | None) -> list[str]:
    notes: list[str] = []
    if before and before.policy is None:
        told = problem_count(before.problems)
        notes.append(f"It had {told} then, and selected nothing.")
    if after and after.policy is None:
        told = problem_count(after.problems)
        notes.append(f"It has {told}, and selects nothing: preheat policy check tells all.")
    if after and after.policy and after.policy.suspend:
        notes.append("It is suspended: it does not run by itself.")
    return notes


def _new_warnings(old: Made | None, new: Made | None) -> list[str]:
    known = old.plan.warnings if old else ()
    return [warning for warning in new.plan.warnings if warning not in known] if new else []


def _images(old: Made | None, new: Made | None) -> tuple[tuple[ImageChange, ...], int]:
    """Compare placement by placement; tell them image by image, what is warmed now first."""
    then = {planned.key: planned for planned in old.plan.placements} if old else {}
    now = {planned.key: planned for planned in new.plan.placements} if new else {}
    changes: list[ImageChange] = []
    seen: set[_Key] = set()
    lost: dict[_Key, list[PlannedPlacement]] = defaultdict(list)
    for image in old.images if old else ():
        lost[_key(image)] += [p for p in image.places if p.key not in now]
    for image in new.images if new else ():
        seen.add(_key(image))
        added = tuple(p for p in image.places if p.key not in then)
        removed = tuple(lost[_key(image)])
        if added or removed:
            changes.append(ImageChange(image, added, removed, image.why))
    gone = [image for image in old.images if _key(image) not in seen] if old else []
    reasons = _reasons(new, gone)
    changes += [ImageChange(i, (), i.places, reasons.get(_key(i), ())) for i in gone]
    return tuple(changes), len(then.keys() & now.keys())


def _key(image: PlannedImage) -> _Key:
    return image.registry, image.repository, image.digest, image.platform


def _reasons(new: Made | None, gone: Sequence[PlannedImage]) -> dict[_Key, tuple[Reason, ...]]:
    """Say why images are no longer warmed, as far as the new policy looks at them at all."""
    if new is None or not gone:
        return {}
    found: dict[_Key, tuple[Reason, ...]] = {}
    by_listed: dict[tuple[str, str, str], list[PlannedImage]] = defaultdict(list)
    for image in gone:
        by_listed[image.registry, image.repository, image.listed].append(image)
    for decision in new.rejected:
        place = (decision.registry, decision.repository, decision.digest)
        for image in by_listed.get(place, ()):
            if decision.platform in {"", image.platform}:
                found.setdefault(_key(image), decision.reasons)
    return found


def _bytes(old: Made | None, new: Made | None) -> dict[str, tuple[int, int]]:
    before = old.plan.bytes if old else {}
    after = new.plan.bytes if new else {}
    return {
        cluster: (
            before[cluster].bytes if cluster in before else 0,
            after[cluster].bytes if cluster in after else 0,
        )
        for cluster in dict.fromkeys((*before, *after))
    }


def _settings(
    before: PolicyEntry | None, after: PolicyEntry | None, old: Made | None, new: Made | None
) -> tuple[Setting, ...]:
    """Compare what holds, not what is written: a default that is written out changes nothing."""
    if before is None or after is None or old is None or new is None:
        return ()
    was = effective_values(before.text, before.path.name)
    now = effective_values(after.text, after.path.name)
    values = (
        (path, was[path].value if path in was else None, now[path].value if path in now else None)
        for path in dict.fromkeys((*was, *now))
    )
    changed = [(path, then, here) for path, then, here in values if then != here]
    return tuple(Setting(*each) for each in (*changed, *cluster_changes(old.plan, new.plan)))
