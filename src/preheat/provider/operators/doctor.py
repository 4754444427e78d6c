"""Run the doctor as a task, where it sees what tasks see."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from preheat.doctor import State, as_data, examine, told
from preheat.errors import InputError, LedgerError
from preheat.provider.config import open_ledger
from preheat.provider.doctor import setup_of
from preheat.provider.runs import run_ref

if TYPE_CHECKING:
    from airflow.sdk import Context

    from preheat.doctor import Examination
    from preheat.ledger import RunRef

__all__ = ["UNSEEN", "PreheatDoctorOperator"]

UNSEEN = "unseen"
"""XCom key of what could not be looked at from a task, in words."""


class PreheatDoctorOperator(BaseOperator):
    """Look at everything that a warm image rests on; red unless all of it is known to be well.

    The log holds what ``preheat doctor`` prints, the ledger what was seen, well or not. Airflow's
    pools are out of a task's sight: only the command sees them, and the report says so.

    :param include: folder with ``clusters.yaml`` and ``policies/``.
    """

    ui_color = "#e6f3fb"

    def __init__(self, *, include: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.include = include

    def execute(self, context: Context) -> dict[str, int]:
        """Log all that was seen; return how many things are how.

        :raises AirflowFailException: if something is wrong, or looking itself failed; a repeat
            changes nothing.
        """
        try:
            setup = setup_of(Path(self.include))
        except InputError as error:
            raise AirflowFailException(str(error)) from None
        examination = examine(setup, lambda: datetime.now(UTC))
        self._record(run_ref(context), examination)
        self.log.info("%s", "\n".join(["What the doctor saw:", *(t for _, t in told(examination))]))
        context["ti"].xcom_push(key=UNSEEN, value=_unseen(examination))
        if examination.exit_code:
            raise AirflowFailException(_complaint(examination))
        return {state.value: examination.counts[state] for state in State}

    def _record(self, run: RunRef, examination: Examination) -> None:
        """Write down what was seen; where the ledger is what is wrong, the log alone has it."""
        try:
            open_ledger().upkeep.record_examination(run, as_data(examination)["observations"])
        except LedgerError as error:
            self.log.warning("What was seen could not be written down: %s", error)


def _unseen(examination: Examination) -> list[str]:
    skipped = (seen for seen in examination.observations if seen.state is State.SKIPPED)
    return [f"{seen.about}, {seen.check}: {seen.detail}" for seen in skipped]


def _complaint(examination: Examination) -> str:
    unknown = [seen for seen in examination.observations if seen.state is State.UNKNOWN]
    many = [
        *_many(len(examination.wrong), "wrong"),
        *_many(len(unknown), "not known, for looking itself failed"),
    ]
    lines = [
        f"  {seen.about}, {seen.check}: {seen.detail}{f' -> {seen.advice}' * bool(seen.advice)}"
        for seen in (*examination.wrong, *unknown)
    ]
    return "\n".join([f"{'; '.join(many)}:", *lines])


def _many(count: int, what: str) -> list[str]:
    return [f"{count} things are {what}" if count > 1 else f"One thing is {what}"] * bool(count)
