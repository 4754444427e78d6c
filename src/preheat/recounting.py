"""Why an image was in a recorded plan or not: what its decisions say, in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from preheat.plan import Decision, Reason

__all__ = [
    "Recounted",
    "Wanted",
    "ended",
    "joined_reasons",
    "recount",
    "selected_words",
    "words_of",
]


class Wanted(Protocol):
    """What a person asks about (``preheat.harbor.reference.ImageReference``)."""

    @property
    def full_name(self) -> str:
        """Project and repository."""
        ...

    @property
    def tag(self) -> str:
        """The tag, or ``""`` when only a digest was typed."""
        ...

    @property
    def digest(self) -> str:
        """The digest, which wins over the tag."""
        ...


@dataclass(frozen=True, slots=True)
class Recounted:
    """What a plan said of an image.

    :param decisions: one a platform, or one for the artifact when it was not taken; none when the
        plan looked at no such image.
    :param tags: all that the plan looked at in its repository.
    """

    decisions: tuple[Decision, ...]
    tags: tuple[str, ...]


def recount(decisions: Iterable[Decision], wanted: Wanted) -> Recounted:
    """Find what a plan said of an image."""
    there = [one for one in decisions if one.repository == wanted.full_name]
    tags = sorted({tag for one in there for tag in one.tags})
    return Recounted(tuple(one for one in there if _is_meant(one, wanted)), tuple(tags))


def _is_meant(decision: Decision, wanted: Wanted) -> bool:
    if wanted.digest:
        return wanted.digest in {decision.digest, decision.image}
    return wanted.tag in decision.tags


def words_of(name: str, policy: str, decision: Decision) -> str:
    """Say in a sentence what became of an image, and why."""
    if decision.selected:
        return selected_words(name, policy, decision)
    why = joined_reasons(decision.reasons, [reason.detail for reason in decision.reasons])
    return ended(f"{name} is not selected by {policy}{_for(decision)} because {why}")


def selected_words(name: str, policy: str, decision: Decision) -> str:
    """Say what selected an image."""
    reason = decision.reasons[0]
    rule = f" (rule {reason.rule})" if reason.rule else " (a pin)"
    return ended(f"{name} is selected by {policy}{rule}{_for(decision)}: {reason.detail}")


def joined_reasons(reasons: Sequence[Reason], details: Sequence[str]) -> str:
    """Join why no rule takes an image, one reason a rule.

    :param details: of each reason, in words.
    """
    if len(reasons) == 1:
        return details[0]
    told = (f"{r.rule}: {d}" if r.rule else d for r, d in zip(reasons, details, strict=True))
    return f"no rule takes it ({' / '.join(told)})"


def ended(text: str) -> str:
    """End a sentence, whose last words may be a person's own."""
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def _for(decision: Decision) -> str:
    return f" for {decision.platform}" if decision.platform else ""
