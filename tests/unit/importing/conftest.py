"""Policies as Harbor's API tells them, and what is made of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from preheat.harbor.preheating import PreheatInstance, PreheatPolicy
from preheat.harbor.vetting import ProjectSecurity
from preheat.importing.clusters import Inventory
from preheat.importing.reading import read_policy
from preheat.importing.translation import translate
from preheat.policy.loader import load_clusters, load_policy

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.importing.translation import Imported
    from preheat.policy.model import Policy

RECORDED = Path(__file__).parents[2] / "data" / "recorded" / "harbor"
DRAGONFLY = PreheatInstance(4, "df", "dragonfly", "http://127.0.0.1:8093", enabled=True)
CLUSTERS = """\
apiVersion: preheat/v1alpha1
kind: PreheatClusters
clusters:
  - name: eu-1
    connection: dragonfly_default
    schedulerClusterId: 1
    pullEndpoints: {harbor_default: "https://harbor.example.com"}
  - name: us-1
    connection: dragonfly_default
    schedulerClusterId: 2
    pullEndpoints: {harbor_default: "https://harbor.example.com"}
"""


@pytest.fixture
def recorded() -> Callable[[str], list[PreheatPolicy]]:
    """Read policies: of a recorded list, or of the request that created one."""

    def read(name: str) -> list[PreheatPolicy]:
        exchange = json.loads((RECORDED / f"{name}.json").read_text("utf-8"))
        if exchange["request"]["method"] == "POST":
            text = exchange["request"]["body"]
            return [msgspec.json.decode(text, type=PreheatPolicy)]
        return msgspec.json.decode(exchange["response"]["body_text"], type=list[PreheatPolicy])

    return read


@pytest.fixture
def told() -> Callable[..., PreheatPolicy]:
    """Write a policy as the API tells it, with its JSON inside JSON."""

    def write(
        *filters: tuple[str, object],
        trigger: str = "scheduled",
        cron: str = "0 0 2 * * *",
        extra: object = None,
        **more: Any,
    ) -> PreheatPolicy:
        pairs = [{"type": kind, "value": value} for kind, value in filters]
        setting = {"cron": cron} if trigger == "scheduled" else {}
        values = {"name": "p", "id": 1, "provider_id": 4, "enabled": True} | more
        return PreheatPolicy(
            filters=json.dumps(pairs),
            trigger=json.dumps({"type": trigger, "trigger_setting": setting}),
            extra_attrs="" if extra is None else json.dumps(extra),
            **values,
        )

    return write


@pytest.fixture
def inventory() -> Inventory:
    """Two clusters of one manager, and the provider that stands for it."""
    clusters = load_clusters(CLUSTERS, "clusters.yaml")
    return Inventory(clusters, [DRAGONFLY], {}, "harbor_default", "https://harbor.example.com")


@pytest.fixture
def made(inventory: Inventory) -> Callable[..., tuple[Imported, Policy]]:
    """Import one policy of project ``web`` and load its file, which must be right."""

    def make(
        policy: PreheatPolicy, *, metadata: dict[str, str] | None = None, models: bool = True
    ) -> tuple[Imported, Policy]:
        security = ProjectSecurity("web", metadata)
        imported = translate(
            read_policy("web", policy),
            "web-p",
            security,
            inventory,
            registry="harbor_default",
            models=models,
        )
        return imported, load_policy(imported.text, "web-p.yaml", inventory.clusters)

    return make
