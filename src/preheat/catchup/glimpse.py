"""What a repository looked like in a sweep, and what happened since. Pure."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from preheat.event import EventKind, EventSource, HarborEvent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from preheat.artifact import Artifact, Tag

__all__ = ["Look", "Remembered", "Seen", "as_before", "events_between", "fingerprint_of", "look_of"]


class Look(NamedTuple):
    """What is remembered of one artifact.

    :param id: Harbor's; another one where the same digest was pushed anew after it was deleted.
    :param signatures: accessory types such as ``signature.cosign``; None where nobody looked.
    """

    id: int
    tags: tuple[str, ...]
    labels: tuple[str, ...]
    signatures: tuple[str, ...] | None = None


class Remembered(NamedTuple):
    """What is remembered of one repository.

    :param looks: by digest.
    :param revision: how often it was remembered anew: tells two like changes apart.
    """

    looks: Mapping[str, Look]
    revision: int = 0

    def as_data(self) -> dict[str, Any]:
        """Write it as plain values."""
        return {
            "revision": self.revision,
            "artifacts": {d: [*look] for d, look in self.looks.items()},
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Remembered:
        """Read it back."""
        looks = {
            digest: Look(
                number, tuple(tags), tuple(labels), None if signed is None else tuple(signed)
            )
            for digest, (number, tags, labels, signed) in data["artifacts"].items()
        }
        return cls(looks, data["revision"])


class Seen(NamedTuple):
    """One artifact as it is listed now."""

    look: Look
    tags: tuple[Tag, ...]
    pushed: datetime | None


class _Change(NamedTuple):
    """One thing that happened to one artifact.

    :param marks: what tells it from a like thing at another time.
    """

    kind: EventKind
    digest: str
    name: str
    marks: tuple[object, ...]
    tag: str = ""
    at: datetime | None = None


def look_of(artifact: Artifact) -> Seen:
    """Keep what is compared of an artifact; signatures only where accessories were asked for."""
    signatures = None
    if artifact.accessories is not None:
        signed = (kind for kind in artifact.accessories if kind.startswith("signature."))
        signatures = tuple(sorted(set(signed)))
    tags = tuple(sorted(tag.name for tag in artifact.tags))
    look = Look(artifact.id, tags, tuple(sorted(artifact.labels)), signatures)
    return Seen(look, artifact.tags, artifact.push_time)


def fingerprint_of(looks: Mapping[str, Look]) -> str:
    """Hash what is remembered: another fingerprint means that something happened."""
    return _hash(sorted(looks.items()))


def as_before(now: Mapping[str, Seen], since: datetime | None) -> dict[str, Look]:
    """Guess what a repository looked like at a moment at which nobody looked.

    Tags and artifacts have times; labels and signatures, which have none, were there.

    :param since: the moment; None for now.
    """

    def is_older(moment: datetime | None) -> bool:
        return since is None or moment is None or moment <= since

    return {
        digest: seen.look._replace(
            tags=tuple(sorted(tag.name for tag in seen.tags if is_older(tag.push_time)))
        )
        for digest, seen in now.items()
        if is_older(seen.pushed)
    }


def events_between(
    registry: str, repository: str, before: Remembered, now: Mapping[str, Seen], gone: set[str]
) -> Iterator[HarborEvent]:
    """Tell what happened, each thing once; whoever sees the same twice names it alike.

    :param repository: project and name.
    :param gone: digests that were there and are not any more.
    """
    changes = [
        _Change(EventKind.DELETED, digest, "", (before.looks[digest].id,))
        for digest in sorted(gone)
    ]
    for digest, seen in now.items():
        changes.extend(_changes(digest, before.looks.get(digest), seen, before.revision))
    for change in changes:
        named = [registry, repository, change.digest, change.kind, change.name, *change.marks]
        yield HarborEvent(
            registry,
            f"sweep:{_hash(named)}",
            EventSource.SWEEP,
            change.kind,
            repository=repository,
            digest=change.digest,
            tag=change.tag,
            occurred_at=change.at,
        )


def _changes(digest: str, old: Look | None, seen: Seen, revision: int) -> Iterator[_Change]:
    known = old or Look(0, (), ())
    kind = EventKind.PUSHED if old is None else EventKind.TAG_ADDED
    for tag in seen.tags:
        if tag.name not in known.tags:
            # A tag's own time changes whenever it moves, and only then.
            marks = (seen.look.id, tag.push_time)
            at = tag.push_time or seen.pushed
            yield _Change(kind, digest, tag.name, marks, tag.name, at)
    again = (seen.look.id, revision)
    for label in seen.look.labels:
        if label not in known.labels:
            yield _Change(EventKind.LABEL_ADDED, digest, label, again)
    looked = old is None or old.signatures is not None
    for signature in seen.look.signatures or () if looked else ():
        if signature not in (known.signatures or ()):
            yield _Change(EventKind.SIGNED, digest, signature, again)


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value, default=str).encode()).hexdigest()
