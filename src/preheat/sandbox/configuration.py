"""What somebody once configured in the demo's Harbor: its own preheat policies, and allowlists.

Something to import, and something for gates to find; none of it changes which pulls are allowed.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from preheat.sandbox.harbor.rows import CveAllowlist

if TYPE_CHECKING:
    from datetime import datetime

    from preheat.sandbox.harbor.state import HarborState

__all__ = ["configure"]

INSTANCE: Final = {
    "name": "dragonfly",
    "description": "the demo's Dragonfly",
    "vendor": "dragonfly",
    "endpoint": "http://127.0.0.1:8086",
    "auth_mode": "OAUTH",
    "enabled": True,
    "default": True,
}
POLICIES: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    (
        "web",
        {
            "name": "frontends",
            "description": "What the shops run",
            "filters": [
                {"type": "repository", "value": "{frontend,cdn/**}"},
                {"type": "tag", "value": "2.*"},
            ],
            "trigger": {"type": "scheduled", "trigger_setting": {"cron": "0 0 2 * * *"}},
            "extra_attrs": {"scope": "all_seed_peers", "cluster_ids": [1, 2]},
            "enabled": True,
        },
    ),
    (
        "payments",
        {
            "name": "approved",
            "filters": [
                {"type": "repository", "value": "**"},
                {"type": "tag", "value": "**"},
                {"type": "label", "value": "approved,qa-passed"},
                {"type": "signature", "value": True},
            ],
            "trigger": {"type": "event_based", "trigger_setting": {}},
            "extra_attrs": {"scope": "single_seed_peer"},
            "enabled": True,
        },
    ),
    (
        "ml",
        {
            "name": "Serving_old",
            "filters": [{"type": "repository", "value": "serving/**"}],
            "trigger": {"type": "manual", "trigger_setting": {}},
            "enabled": False,
        },
    ),
)
"""As Harbor's portal would have sent them, before filters, trigger and extras became text."""


def configure(state: HarborState, now: datetime) -> None:
    """Configure one provider, three policies and two CVE allowlists."""
    instance = state.preheating.add_instance(state, INSTANCE)
    for project, policy in POLICIES:
        texts = {
            key: json.dumps(policy[key])
            for key in ("filters", "trigger", "extra_attrs")
            if key in policy
        }
        told = policy | texts | {"provider_id": instance.id}
        state.preheating.add_policy(state, state.projects[project], told)
    state.allowlist = CveAllowlist(("CVE-2026-40001",))
    expires = int((now + timedelta(days=90)).timestamp())
    payments = state.projects["payments"]
    payments.metadata["reuse_sys_cve_allowlist"] = "false"
    payments.allowlist = CveAllowlist(("CVE-2026-50001", "CVE-2026-50002"), expires)
