"""Field types that have more to refuse than a wrong form."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from preheat.policy.fields import Cron, TimeZone

CRON = TypeAdapter(Cron)
ZONE = TypeAdapter(TimeZone)


@pytest.mark.parametrize(
    "text", ["0 2 * * *", "*/15 0-6 1,15 * FRI", "0 2 L MAR *", "0 2 * * 5#3", "0 2 29 2 *"]
)
def test_a_cron_expression_is_taken_as_written(text: str) -> None:
    """Names of days and months, steps, lists, the last day and the third Friday are all cron."""
    assert CRON.validate_python(text) == text


@pytest.mark.parametrize("text", ["R 2 * * *", "R(0-10) 2 * * *", "0 r * * *"])
def test_a_random_time_is_refused(text: str) -> None:
    """Croniter's R is another time in each process: the schedule must be what the file says."""
    with pytest.raises(ValidationError, match="is not a valid cron expression"):
        CRON.validate_python(text)


@pytest.mark.parametrize(
    "text", ["0 2 31 2 *", "0 2 30 FEB *", "0 2 31 4,6,9,11 *", "0 2 L MAR 5#3"]
)
def test_a_cron_expression_that_never_comes_is_refused(text: str) -> None:
    """The policy would never run, and nobody would be told."""
    with pytest.raises(ValidationError, match="never comes"):
        CRON.validate_python(text)


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "Etc/GMT+5", "America/Argentina/Salta"])
def test_a_time_zone_has_an_iana_name(name: str) -> None:
    """The same hours on every machine."""
    assert ZONE.validate_python(name) == name


@pytest.mark.parametrize(
    "name",
    [
        *("localtime", "posixrules", "Factory", "right/Europe/Berlin", "posix/UTC", "tzdata.zi"),
        *("europe/berlin", "CET2", "", "../../etc/localtime", "/etc/localtime"),
    ],
)
def test_a_zone_that_is_a_matter_of_the_machine_is_refused(name: str) -> None:
    """Its own settings, its own files, and names that only some file systems find."""
    with pytest.raises(ValidationError, match="is not a time zone"):
        ZONE.validate_python(name)
