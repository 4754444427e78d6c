"""A Harbor stand-in: the REST API, the token service and the registry, as recorded from 2.15.2."""

from __future__ import annotations

from preheat.sandbox.harbor.accounts import Permission
from preheat.sandbox.harbor.app import create_app
from preheat.sandbox.harbor.images import ImageSpec, push_chart, push_image, sign
from preheat.sandbox.harbor.scans import make_scan
from preheat.sandbox.harbor.settings import Settings
from preheat.sandbox.harbor.state import HarborState

__all__ = [
    "HarborState",
    "ImageSpec",
    "Permission",
    "Settings",
    "create_app",
    "make_scan",
    "push_chart",
    "push_image",
    "sign",
]
