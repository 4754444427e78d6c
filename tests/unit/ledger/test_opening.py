"""Opening a ledger: what is wrong is told in one message, without the password."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy.engine import make_url
from typer.testing import CliRunner

from preheat.cli import app
from preheat.errors import LedgerError
from preheat.ledger import Ledger
from preheat.ledger.schema import REVISION

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "hunter2-secret"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "not a database URL"),
        ("preheat.db", "not a database URL"),
        (f"postgresql://preheat:{SECRET}@db:port/preheat", "not a database URL"),
        ("mysql://preheat@db/preheat", "cannot live in mysql"),
        ("sqlite://", "absolute path"),
        ("sqlite:///:memory:", "absolute path"),
        ("sqlite:///preheat.db", "absolute path"),
    ],
)
def test_a_wrong_url_says_what_to_write(url: str, words: str) -> None:
    """Nothing is guessed; the text itself may hold a password and is not shown."""
    with pytest.raises(LedgerError, match=words) as raised:
        Ledger.open(url)
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize("place", ["preheat:{}@127.0.0.1:1/x", "127.0.0.1:1/x?password={}"])
def test_no_password_in_errors_repr_and_status(place: str) -> None:
    """A database that is down is named without its password, wherever the URL holds it."""
    url = "postgresql+psycopg2://" + place.format(SECRET)
    with pytest.raises(LedgerError, match=r"127\.0\.0\.1") as raised:
        Ledger.open(url)
    ledger = Ledger.at(url)
    assert SECRET not in f"{raised.value} {raised.value.__cause__} {ledger!r}"


def test_a_wrong_password_is_not_told(empty_postgres: str) -> None:
    """What PostgreSQL answers is kept, in one line."""
    url = make_url(empty_postgres).set(username="nobody", password=SECRET)
    with pytest.raises(LedgerError, match='role "nobody" does not exist') as raised:
        Ledger.open(url.render_as_string(hide_password=False))
    assert SECRET not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    """The message names the file and the reason."""
    file = tmp_path / "preheat.db"
    file.write_text("not a database, but long enough to be looked at " * 100)
    with pytest.raises(LedgerError, match=r"preheat\.db does not work: file is not a database"):
        Ledger.open(f"sqlite:///{file}")


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """A file where the folder should be."""
    (tmp_path / "home").write_text("")
    with pytest.raises(LedgerError, match="cannot be made"):
        Ledger.open(f"sqlite:///{tmp_path}/home/preheat.db")


def test_the_command_upgrades_and_tells_the_status(empty_url: str) -> None:
    """`preheat ledger`: status exits with 1 until upgrade was run, and then counts."""
    runner = CliRunner()
    before = runner.invoke(app, ["ledger", "status", "--url", empty_url])
    assert before.exit_code == 1
    assert "no ledger yet" in before.output
    upgraded = runner.invoke(app, ["ledger", "upgrade", "--url", empty_url])
    assert upgraded.exit_code == 0, upgraded.output
    assert f"is at revision {REVISION}" in upgraded.output
    after = runner.invoke(app, ["ledger", "status", "--url", empty_url])
    assert after.exit_code == 0
    assert f"{REVISION}, current" in after.output
    assert "open attempts" in after.output


def test_the_command_finds_its_url_in_the_environment(tmp_path: Path) -> None:
    """Airflow's variable for the option, else the file in AIRFLOW_HOME."""
    runner = CliRunner()
    home = {"AIRFLOW_HOME": str(tmp_path), "AIRFLOW__PREHEAT__LEDGER_URL": None}
    assert runner.invoke(app, ["ledger", "upgrade"], env=home).exit_code == 0
    assert (tmp_path / "preheat.db").exists()
    other = {**home, "AIRFLOW__PREHEAT__LEDGER_URL": f"sqlite:///{tmp_path}/other.db"}
    assert runner.invoke(app, ["ledger", "upgrade"], env=other).exit_code == 0
    assert (tmp_path / "other.db").exists()


def test_the_command_fails_in_one_line() -> None:
    """No traceback for an operator."""
    result = CliRunner().invoke(app, ["ledger", "upgrade", "--url", "mysql://db/x"])
    assert result.exit_code == 1
    assert result.output == "The ledger cannot live in mysql: use SQLite or PostgreSQL.\n"
