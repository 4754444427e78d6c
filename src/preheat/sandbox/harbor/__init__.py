"""A Harbor stand-in: the REST API, the token service and the registry, as recorded from 2.15.2."""

from __future__ import annotations

from preheat.sandbox.harbor.accounts import Permission
from preheat.sandbox.harbor.app import create_app
from preheat.sandbox.harbor.settings import Settings
from preheat.sandbox.harbor.state import HarborState

__all__ = ["HarborState", "Permission", "Settings", "create_app"]
