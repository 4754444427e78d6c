"""A Harbor stand-in: the REST API, the token service and the registry, as recorded from 2.15.2."""

from __future__ import annotations

from preheat.sandbox.harbor.accounts import Permission
from preheat.sandbox.harbor.app import create_app
from preheat.sandbox.harbor.copying import copy_artifact
from preheat.sandbox.harbor.events import By
from preheat.sandbox.harbor.images import ImageSpec, generate_sbom, push_chart, push_image, sign
from preheat.sandbox.harbor.retention import retain
from preheat.sandbox.harbor.scans import make_scan
from preheat.sandbox.harbor.settings import Settings
from preheat.sandbox.harbor.state import HarborState

__all__ = [
    "By",
    "HarborState",
    "ImageSpec",
    "Permission",
    "Settings",
    "copy_artifact",
    "create_app",
    "generate_sbom",
    "make_scan",
    "push_chart",
    "push_image",
    "retain",
    "sign",
]
