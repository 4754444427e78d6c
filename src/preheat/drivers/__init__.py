"""Image distribution drivers: how a cluster is asked for an image and what it then reports.

A new driver is a package that offers what ``preheat.drivers.base.Driver`` says, and one line here.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from preheat.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from preheat.drivers.base import Driver

__all__ = ["DRIVERS", "load"]

DRIVERS: Mapping[str, str] = {
    "dragonfly": "preheat.drivers.dragonfly:DragonflyDriver",
}
"""Name, as clusters and the ledger write it, to ``module:class``."""


def load(name: str) -> Callable[..., Driver]:
    """Give the class of a driver.

    :raises InputError: no driver has this name.
    """
    if name not in DRIVERS:
        raise InputError(f"No driver is called {name!r}; known are: {', '.join(sorted(DRIVERS))}.")
    module, _, attribute = DRIVERS[name].partition(":")
    driver: Callable[..., Driver] = getattr(import_module(module), attribute)
    return driver
