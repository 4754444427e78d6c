"""What a plan that cannot be made says."""

from __future__ import annotations

import traceback
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from preheat.errors import Problem
from preheat.provider.operators.plan import EvaluatePolicyOperator
from preheat.provider.sources import BrokenSource


def test_a_refused_plan_is_told_once(world: Any, context: dict[str, Any]) -> None:
    """Airflow logs an error with its causes: with one, every word would stand there twice."""
    broken = BrokenSource((Problem("The key 'spec' is missing.", "one.yaml", 1),))
    operator = EvaluatePolicyOperator(task_id="plan", source=broken)

    with pytest.raises(AirflowFailException) as caught:
        operator.execute({**context, "params": {}})

    logged = "".join(traceback.format_exception(caught.value))
    assert logged.count("one.yaml:1: The key 'spec' is missing.") == 1
