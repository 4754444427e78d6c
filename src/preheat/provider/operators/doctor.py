"""Run the doctor as a task, where it sees what tasks see."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from preheat.doctor import State, examine, told
from preheat.errors import InputError
from preheat.provider.doctor import setup_of

if TYPE_CHECKING:
    from airflow.sdk import Context

    from preheat.doctor import Examination

__all__ = ["PreheatDoctorOperator"]


class PreheatDoctorOperator(BaseOperator):
    """Look at everything that a warm image rests on; red when something is wrong.

    The log holds what ``preheat doctor`` prints. Airflow's pools are out of a task's sight: only
    the command sees them.

    :param include: folder with ``clusters.yaml`` and ``policies/``.
    """

    ui_color = "#e6f3fb"

    def __init__(self, *, include: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.include = include

    def execute(self, context: Context) -> dict[str, int]:
        """Log all that was seen; return how many things are how.

        :raises AirflowFailException: if something is wrong; a repeat changes nothing.
        """
        del context
        try:
            setup = setup_of(Path(self.include))
        except InputError as error:
            raise AirflowFailException(str(error)) from None
        examination = examine(setup, lambda: datetime.now(UTC))
        self.log.info("%s", "\n".join(["What the doctor saw:", *(t for _, t in told(examination))]))
        if examination.wrong:
            raise AirflowFailException(_complaint(examination))
        return {state.value: examination.counts[state] for state in State}


def _complaint(examination: Examination) -> str:
    lines = [
        f"  {seen.about}, {seen.check}: {seen.detail}{f' -> {seen.advice}' * bool(seen.advice)}"
        for seen in examination.wrong
    ]
    many = f"{len(lines)} things are" if len(lines) > 1 else "One thing is"
    return "\n".join([f"{many} wrong:", *lines])
