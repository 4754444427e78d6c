"""Platforms as ``os/arch[/variant]``, and when two spellings mean the same."""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["ATTESTATION_PLATFORM", "check_platform", "normal_platform"]

ATTESTATION_PLATFORM = "unknown/unknown"
"""What BuildKit writes for attestations, which are no images."""

_FORM = re.compile(r"[a-z0-9]+/[a-z0-9_]+(/[a-z0-9.]+)?")
_SAME = {
    "linux/amd64/v1": "linux/amd64",
    "linux/arm64/v8": "linux/arm64",
    "linux/arm": "linux/arm/v7",
}


@lru_cache(maxsize=1024)
def normal_platform(platform: str) -> str:
    """Give the usual spelling: ``arm64/v8`` is ``arm64``, ``arm`` is ``arm/v7`` (containerd)."""
    return _SAME.get(platform, platform)


def check_platform(platform: str) -> str:
    """Give the platform back if it has the right form.

    :raises ValueError: when it does not.
    """
    if _FORM.fullmatch(platform) is None:
        raise ValueError(f"{platform!r} is not a platform; write os/arch, such as linux/amd64")
    return platform
