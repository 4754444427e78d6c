"""The Dragonfly driver: preheat jobs over the manager's Open API (``/oapi/v1``).

Rests on managers from v2.3.1 on; behaviour measured on v2.5.1.
"""

from __future__ import annotations

from preheat.drivers.dragonfly.driver import DragonflyDriver

__all__ = ["DragonflyDriver"]
