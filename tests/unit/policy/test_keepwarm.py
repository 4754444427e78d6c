"""``keepWarm``: what a policy may say of the time between its runs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from preheat.errors import ProblemsError
from preheat.plan import KeepWarm

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.policy.model import Policy


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("keepWarm: {recheck: 2h, until: 7d}", KeepWarm(timedelta(hours=2), timedelta(days=7))),
        ("keepWarm: {}", KeepWarm(timedelta(hours=6), timedelta(days=14))),
        ("suspend: false", None),
    ],
)
def test_a_policy_says_how_long_its_images_stay_warm(
    text: str, kept: KeepWarm | None, policy: Callable[..., Policy]
) -> None:
    """Both durations have a default; without the key nothing is looked after."""
    assert policy(text).keep_warm == kept


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("keepWarm: {recheck: 10m}", "10m is not between 1h and 30d"),
        ("keepWarm: {until: 1000d}", "1000d is not between 1h and 365d"),
        ("keepWarm: {recheck: 2d, until: 1d}", "'recheck' is longer than 'until'"),
        ("keepWarm: 6h", "a map such as {recheck: 6h, until: 14d}"),
        ("keepWarm: {every: 6h}", "The key 'every' is unknown"),
    ],
)
def test_what_cannot_be_kept_is_a_problem(
    text: str, words: str, policy: Callable[..., Policy]
) -> None:
    """Upkeep runs once an hour, so a shorter recheck would be a promise that nobody keeps."""
    with pytest.raises(ProblemsError, match=words.replace("{", r"\{")):
        policy(text)
