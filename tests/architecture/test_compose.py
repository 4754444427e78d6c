"""The compose stack, as far as its file can tell; it is brought up by hand."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from pathlib import Path

SERVICES = {
    *("api-server", "dag-processor", "init", "postgres", "sandbox", "scheduler", "triggerer"),
}
# Variables that may have a default: none of them opens anything outside the sandbox.
HARMLESS = {"AIRFLOW_PORT", "DRAGONFLY_CLOCK_FACTOR", "PREHEAT_CLUSTERS"}


@pytest.fixture(scope="module")
def text(root: Path) -> str:
    """Read the compose file as it is written."""
    return (root / "docker-compose.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def services(text: str) -> dict[str, Any]:
    """Read the services, merge keys resolved."""
    return yaml.safe_load(text)["services"]


def test_the_stack_has_every_part_of_airflow(services: dict[str, Any]) -> None:
    """The sandbox is a profile, all else always runs."""
    assert set(services) == SERVICES
    assert {name for name, service in services.items() if "profiles" in service} == {"sandbox"}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_each_service_runs_without_privileges(name: str, services: dict[str, Any]) -> None:
    """No container runs as root or can become it."""
    service = services[name]
    assert service["user"] in {"50000:0", "postgres"}
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]


@pytest.mark.parametrize("name", sorted(SERVICES - {"init"}))
def test_each_lasting_service_is_watched_and_restarted(name: str, services: dict[str, Any]) -> None:
    """A service that died comes back, one that hangs shows."""
    assert services[name]["healthcheck"]["test"]
    assert services[name]["restart"] == "unless-stopped"


def test_no_secret_outside_the_sandbox_has_a_default(text: str) -> None:
    """Every other variable stops the start with a sentence that names it."""
    before_sandbox = text.split("\n  sandbox:\n", maxsplit=1)[0]
    variables = re.findall(r"(?<!\$)\$\{([A-Z_]+)([^}]*)\}", before_sandbox)
    assert len(variables) > len(HARMLESS)
    lax = {
        name
        for name, rest in variables
        if name not in HARMLESS and not rest.startswith(f":?set {name} in .env")
    }
    assert lax == set()


def test_the_sandbox_clusters_differ_from_the_examples_in_their_address_only(root: Path) -> None:
    """In the stack the sandbox has a name; the same policies run on it as in the demo."""
    demo = yaml.safe_load((root / "include" / "clusters.yaml").read_text(encoding="utf-8"))
    stack = yaml.safe_load((root / "docker" / "clusters.yaml").read_text(encoding="utf-8"))
    for cluster in demo["clusters"]:
        for registry, endpoint in cluster["pullEndpoints"].items():
            cluster["pullEndpoints"][registry] = endpoint.replace("127.0.0.1", "sandbox")
    assert stack == demo


def test_a_variable_has_one_default(text: str) -> None:
    """A sandbox with another clock than its connection would be taken for lost or slow."""
    found = set(re.findall(r"(?<!\$)\$\{([A-Z_]+):-([^}]*)\}", text))
    names = [name for name, _ in found]
    assert len(names) == len(set(names)), sorted(found)
