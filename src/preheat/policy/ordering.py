"""Newest first: how the artifacts of a group are ordered, and the tags of an artifact."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from preheat.policy.criteria.order import By

if TYPE_CHECKING:
    from collections.abc import Sequence

    from preheat.artifact import Artifact, Tag
    from preheat.policy.criteria.order import Order

__all__ = ["Match", "newest_first"]

_NEVER = datetime.min.replace(tzinfo=UTC)


class Match(Struct, gc=False):
    """An artifact that passed all criteria of a rule.

    :param index: its place in the list of candidates.
    :param tags: the tags that matched; once ordered, the one that speaks for it comes first.
    """

    index: int
    artifact: Artifact
    tags: tuple[Tag, ...]


def newest_first(group: Sequence[Match], order: Order) -> list[Match]:
    """Order a group; ties go by push time, then digest, so that plans can be repeated."""
    for match in group:
        if len(match.tags) > 1:
            match.tags = _best_first(match.tags, order)
    if order.by is By.PUSHED:
        return sorted(group, key=_pushed, reverse=True)
    if order.by is By.PULLED:
        return sorted(group, key=_pulled, reverse=True)
    version = order.version
    return sorted(group, key=lambda match: (version(match.tags[0]), *_pushed(match)), reverse=True)


def _best_first(tags: tuple[Tag, ...], order: Order) -> tuple[Tag, ...]:
    """Put the tag that speaks for the artifact first: the highest version, or the newest.

    Of tags pushed together the most telling one: ``2.4.1`` before ``2.4`` before ``latest``.
    """
    if order.by in {By.PUSHED, By.PULLED}:
        return tuple(sorted(tags, key=_newest_and_most_telling, reverse=True))
    return tuple(
        sorted(
            tags,
            key=lambda tag: (order.version(tag), _newest_and_most_telling(tag)),
            reverse=True,
        )
    )


def _newest_and_most_telling(tag: Tag) -> tuple[datetime, bool, int, str]:
    name = tag.name
    return tag.push_time or _NEVER, any(map(str.isdigit, name)), len(name), name


def _pushed(match: Match) -> tuple[datetime, str]:
    return match.tags[0].push_time or _NEVER, match.artifact.digest


def _pulled(match: Match) -> tuple[datetime, datetime, str]:
    return match.artifact.pull_time or _NEVER, *_pushed(match)
