"""Draining the inbox: from events that wait to plans, a policy and its touched repositories each.

What an event says is not believed: the repository is listed anew. So events that come late, twice
or out of order lead to the same plans. What could not be looked at is put off, for that policy and
that repository alone.
"""

from __future__ import annotations

from preheat.draining.drain import Drained, Draining
from preheat.draining.evaluating import Circumstances

__all__ = ["Circumstances", "Drained", "Draining"]
