"""What lists may be narrowed to: remembered for a while, apart for each who sees something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preheat.web.pages.choices import Choices

if TYPE_CHECKING:
    from tests.web.conftest import Receiver

SEEN = frozenset({"preheat__web"})


def test_they_are_looked_up_once_in_a_while(receiver: Receiver) -> None:
    """What was there half a minute ago is told; then it is looked up anew."""
    now = [0.0]
    choices = Choices(lambda: now[0])
    overview = receiver.ledger.overview
    first = choices.of(overview, None)
    assert (first.projects, first.policies) == ((), ())
    assert choices.of(overview, None) is first
    now[0] = 31.0
    assert choices.of(overview, None) is not first


def test_nobody_is_told_what_another_may_see(receiver: Receiver) -> None:
    """Who sees less has an entry of his own."""
    choices = Choices()
    overview = receiver.ledger.overview
    assert choices.of(overview, None) is not choices.of(overview, SEEN)
    assert choices.of(overview, SEEN) is choices.of(overview, frozenset(SEEN))
