"""Which policies an event touches, and why the others stay where they are. Pure.

An event only says where to look; what is selected there, the policy engine decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from preheat.event import EventKind, EventSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from preheat.event import HarborEvent
    from preheat.policy.model import Policy

__all__ = ["Touched", "runs_on", "touch"]


@dataclass(frozen=True, slots=True)
class Touched:
    """What one event leads to.

    :param policies: those that run on it, in the order they were given.
    :param words: why none does; "" if one does.
    """

    policies: tuple[Policy, ...] = ()
    words: str = ""


def touch(event: HarborEvent, policies: Sequence[Policy], *, only: str = "") -> Touched:
    """Find the policies that run on an event.

    :param only: name of the one policy for which the event waited; "" for any.
    """
    asked = [policy for policy in policies if only in {"", policy.name}]
    if only and not asked:
        return Touched(words=f"there is no policy {only} with events any more")
    covering = [policy for policy in asked if _covers(policy, event)]
    if not covering:
        return Touched(words=f"no policy with events looks at {event.project}")
    taking = [policy for policy in covering if _takes(policy, event)]
    if not taking:
        return Touched(words=f"no rule or pin of {_names(covering)} takes {event.repository}")
    # What was put off for a policy, it heard before: by a source that the event bears no more.
    hearing = [policy for policy in taking if only or runs_on(policy, event)]
    if not hearing:
        heard = sorted({kind.value for policy in taking for kind in policy.events})
        return Touched(words=f"{_names(taking)} runs on {', '.join(heard)}, not on {event.kind}")
    awake = [policy for policy in hearing if not policy.suspend]
    if not awake:
        return Touched(words=f"{_names(hearing)} is suspended")
    return Touched(tuple(awake))


def runs_on(policy: Policy, event: HarborEvent) -> bool:
    """Whether the policy names this kind of event, or one that may be behind it.

    A webhook cannot tell a new tag of a known digest from a push, nor a signature that refers to
    its subject without a tag from a platform of an index (harbor: webhook-retag-by-push,
    webhook-push-signature); a sweep cannot tell a tag that was pushed from one that was set.
    """
    heard = set(policy.events)
    if event.kind in heard:
        return True
    if event.kind is EventKind.PUSHED:
        return (EventKind.TAG_ADDED if event.tag else EventKind.SIGNED) in heard
    was_swept = event.source is EventSource.SWEEP
    return was_swept and event.kind is EventKind.TAG_ADDED and EventKind.PUSHED in heard


def _covers(policy: Policy, event: HarborEvent) -> bool:
    return any(source.covers(event.registry, event.project) for source in policy.sources)


def _takes(policy: Policy, event: HarborEvent) -> bool:
    name = event.repository.partition("/")[2]
    if any(r.repositories is None or r.repositories.judge(name) is None for r in policy.rules):
        return True
    place = (event.registry, event.project, name)
    return any((pin.registry, pin.project, pin.repository) == place for pin in policy.pins)


def _names(policies: Iterable[Policy]) -> str:
    return ", ".join(policy.name for policy in policies)
