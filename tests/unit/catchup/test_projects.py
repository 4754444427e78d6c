"""Going through projects where some of them fail."""

from __future__ import annotations

import pytest

from preheat.catchup.caught import Caught
from preheat.catchup.projects import MOST_UNANSWERED, of_each
from preheat.errors import (
    RateLimitedError,
    RefusedError,
    RemoteError,
    RemoteUnavailableError,
    UnexpectedAnswerError,
)

NAMES = [str(number) for number in range(10)]


def asked(failures: dict[str, RemoteError]) -> tuple[list[str], Caught, RemoteError | None]:
    """Go through ten projects, of which some fail."""
    seen: list[str] = []

    def act(project: str) -> Caught:
        seen.append(project)
        if project in failures:
            raise failures[project]
        return Caught(new=1)

    return (seen, *of_each(NAMES, act))


def silence() -> RemoteUnavailableError:
    """Make up a time-out."""
    return RemoteUnavailableError("no answer", system="Harbor")


def test_a_refusal_is_a_warning_and_the_first_failure_is_given() -> None:
    """All projects are asked."""
    first = UnexpectedAnswerError("odd", system="Harbor", status=200)
    second = RemoteUnavailableError("broken", system="Harbor", status=500)
    refused = RefusedError("not for you", system="Harbor", status=403)
    seen, caught, failure = asked({"1": refused, "3": first, "5": second})
    assert seen == NAMES
    assert caught == Caught(new=7, warnings=("not for you",))
    assert failure is first


@pytest.mark.parametrize("status", [500, 503])
def test_a_harbor_that_answers_is_asked_for_each(status: int) -> None:
    """However many of its projects are broken."""
    error = RemoteUnavailableError("broken", system="Harbor", status=status)
    seen, caught, failure = asked(dict.fromkeys(NAMES[:9], error))
    assert (seen, caught.new, failure) == (NAMES, 1, error)


def test_one_that_is_gone_is_not_waited_for_with_each() -> None:
    """A few time-outs apart from each other do not count as that."""
    seen, _, _ = asked({name: silence() for name in NAMES})
    assert len(seen) == MOST_UNANSWERED
    seen, caught, _ = asked({name: silence() for name in ("0", "2", "3", "5", "8")})
    assert (seen, caught.new) == (NAMES, 5)


def test_one_that_asks_us_to_slow_down_is_let_alone() -> None:
    """At once."""
    seen, _, failure = asked({"2": RateLimitedError("slow", system="Harbor")})
    assert seen == NAMES[:3]
    assert isinstance(failure, RateLimitedError)
