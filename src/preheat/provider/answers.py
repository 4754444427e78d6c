"""Answers to a plan's questions: from the ledger what it knows for ever, the rest from Harbor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preheat.artifact import Image
from preheat.facts import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from preheat.facts import Facts, Question
    from preheat.harbor.client import HarborClient
    from preheat.ledger import Ledger

__all__ = ["Answers"]


class Answers:
    """Answers questions, and keeps what never changes: what an image consists of.

    :param clients: by registry connection id.
    """

    def __init__(self, ledger: Ledger, clients: Mapping[str, HarborClient]) -> None:
        self._ledger = ledger
        self._clients = clients

    def __call__(self, questions: Sequence[Question]) -> Facts:
        """Answer each question, with None for what cannot be known.

        :raises RemoteError: if Harbor does not answer as it should.
        """
        facts = self._remembered(questions)
        open_questions = [question for question in questions if question not in facts]
        for client in self._clients.values():
            for question, answer in client.answer(open_questions).items():
                facts[question] = answer
                if isinstance(answer, Image):
                    self._ledger.record_image(answer)
        return facts

    def _remembered(self, questions: Sequence[Question]) -> Facts:
        asked = [question for question in questions if question.kind is Kind.IMAGE]
        known = self._ledger.images(question.digest for question in asked)
        facts: Facts = {q: known[q.digest] for q in asked if q.digest in known}
        return facts
