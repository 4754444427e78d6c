"""Newest first: how the artifacts of a group are ordered, and which of them a rule takes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from preheat.policy.model import Order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from preheat.artifact import Artifact, Tag

__all__ = ["Match", "newest_first", "order_tags"]

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class Match:
    """An artifact that passed all criteria of a rule.

    :param index: its place in the sorted list of candidates.
    :param tags: the tags that matched, newest first.
    """

    index: int
    artifact: Artifact
    tags: tuple[Tag, ...]


def order_tags(tags: tuple[Tag, ...], order: Order) -> tuple[Tag, ...]:
    """Put the tag that speaks for the artifact first: the newest, or the last of the alphabet.

    Of tags pushed together the most telling one: ``2.4.1`` before ``2.4`` before ``latest``.
    """
    if len(tags) < 2:  # noqa: PLR2004 - one tag is in order
        return tags
    if order is Order.ALPHABETICAL:
        return tuple(sorted(tags, key=lambda tag: tag.name, reverse=True))
    return tuple(sorted(tags, key=_newest_and_most_telling, reverse=True))


def _newest_and_most_telling(tag: Tag) -> tuple[datetime, bool, int, str]:
    name = tag.name
    return tag.push_time or _NEVER, any(map(str.isdigit, name)), len(name), name


def newest_first(group: Sequence[Match], order: Order) -> list[Match]:
    """Order a group; ties go by push time, then digest, so that plans can be repeated."""
    return sorted(group, key=lambda match: _key(match, order), reverse=True)


def _key(match: Match, order: Order) -> tuple[datetime | str, datetime, str]:
    pushed = match.tags[0].push_time or _NEVER
    digest = match.artifact.digest
    match order:
        case Order.PUSHED:
            return pushed, pushed, digest
        case Order.PULLED:
            return match.artifact.pull_time or _NEVER, pushed, digest
        case Order.ALPHABETICAL:
            return match.tags[0].name, pushed, digest
