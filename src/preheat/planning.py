"""From a policy and a catalogue to a final plan: evaluate, answer what is asked, evaluate again."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from preheat.facts import Facts, Question
    from preheat.plan import Plan
    from preheat.policy.engine import Evaluation

__all__ = ["Answerer", "complete", "unanswered"]

Answerer: TypeAlias = "Callable[[Sequence[Question]], Facts]"
"""Finds answers; must answer every question, with None for what cannot be known."""


def complete(evaluation: Evaluation, answer: Answerer, facts: Facts | None = None) -> Plan:
    """Evaluate until no question is open.

    Ends, because each round asks only what no round asked before, and each adds an answer.

    :param facts: answers known before; more are added to it.
    :raises LookupError: if a question was left without answer.
    """
    known: Facts = {} if facts is None else facts
    plan = evaluation.plan(known)
    while plan.questions:
        known.update(answer(plan.questions))
        left = [question for question in plan.questions if question not in known]
        if left:
            message = f"no answer to {left[0]}, and to {len(left) - 1} more"
            raise LookupError(message)
        plan = evaluation.plan(known)
    return plan


def unanswered(questions: Sequence[Question]) -> Facts:
    """Say of each question that nobody knows: for a saved catalogue, when no Harbor is asked."""
    return dict.fromkeys(questions)
