"""The doctor: looks at everything that a warm image rests on, and says what to do."""

from __future__ import annotations

from preheat.doctor.examining import examine
from preheat.doctor.observations import Examination, Observation, State
from preheat.doctor.setup import AirflowSide, Pool, Setup, attempted
from preheat.doctor.telling import as_data, told

__all__ = [
    "AirflowSide",
    "Examination",
    "Observation",
    "Pool",
    "Setup",
    "State",
    "as_data",
    "attempted",
    "examine",
    "told",
]
