"""Why an image was in a plan of the ledger or not, with the lines of the policy that decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from preheat.errors import Problem, ProblemsError
from preheat.harbor.reference import parse_references
from preheat.recounting import recount, words_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from preheat.harbor.reference import ImageReference
    from preheat.ledger import StoredPlan
    from preheat.plan import Decision

__all__ = ["Explained", "Hindsight", "explained", "wanted_image"]

_NAMED = 10
_MOST_TAGS = 200


@dataclass(frozen=True, slots=True)
class Explained:
    """A decision in words.

    :param lines: of the policy's text that its reasons name, with their numbers.
    """

    sentence: str
    decision: Decision
    lines: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Hindsight:
    """All that a plan says of an image.

    :param tags: of its repository, as far as the plan looked at them.
    """

    sentence: str
    each: tuple[Explained, ...]
    tags: tuple[str, ...]


def wanted_image(text: str) -> ImageReference:
    """Read the one image that a person names in a parameter ``image``.

    :raises ProblemsError: for anything else than one image.
    """
    try:
        found = parse_references(text)
    except ProblemsError as error:
        problems = [Problem(one.message, path="query.image") for one in error.problems]
        raise ProblemsError(problems) from None
    if len(found) > 1:
        message = f"name one image; these are {len(found)}"
        raise ProblemsError([Problem(message, path="query.image")])
    return found[0]


def explained(decisions: Iterable[Decision], plan: StoredPlan, wanted: ImageReference) -> Hindsight:
    """Say what a plan decided of an image."""
    found = recount(decisions, wanted)
    lines = plan.policy_text.splitlines()
    name = str(wanted)
    each = tuple(
        Explained(words_of(name, plan.policy, one), one, tuple(_lines(one, lines)))
        for one in found.decisions
    )
    sentence = " ".join(one.sentence for one in each) or _unseen(name, plan, found.tags)
    return Hindsight(sentence, each, found.tags[:_MOST_TAGS])


def _lines(decision: Decision, lines: Sequence[str]) -> Iterable[tuple[int, str]]:
    reasons = (*decision.reasons, *decision.others)
    numbers = dict.fromkeys(reason.line for reason in reasons if reason.line)
    return [(number, lines[number - 1]) for number in numbers if number <= len(lines)]


def _unseen(name: str, plan: StoredPlan, tags: Sequence[str]) -> str:
    first = f"The last plan of {plan.policy} looked at no image {name}"
    if not tags:
        return f"{first}, and at nothing in its repository."
    listed = ", ".join(tags[:_NAMED])
    more = f" and {len(tags) - _NAMED} more" if len(tags) > _NAMED else ""
    return f"{first}; of its repository it looked at the tags {listed}{more}."
