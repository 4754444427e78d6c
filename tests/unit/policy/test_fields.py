"""Field types that have more to refuse than a wrong form."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from preheat.policy.fields import Cron

CRON = TypeAdapter(Cron)


@pytest.mark.parametrize("text", ["0 2 * * *", "*/15 0-6 1,15 * FRI", "0 2 L MAR 5#3"])
def test_a_cron_expression_is_taken_as_written(text: str) -> None:
    """Names of days and months, steps, lists, the last day and the third Friday are all cron."""
    assert CRON.validate_python(text) == text


@pytest.mark.parametrize("text", ["R 2 * * *", "R(0-10) 2 * * *", "0 r * * *"])
def test_a_random_time_is_refused(text: str) -> None:
    """Croniter's R is another time in each process: the schedule must be what the file says."""
    with pytest.raises(ValidationError, match="is not a valid cron expression"):
        CRON.validate_python(text)
