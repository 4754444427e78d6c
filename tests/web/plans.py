"""Plans for the ledger that the API reads."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from preheat.finding import Finding, HostFinding, MissingLayer
from preheat.ledger import RunRef
from preheat.placement import PlacementKey, Scope
from preheat.plan import Decision, Plan, PlannedPlacement, Reason, ReasonCode
from preheat.policy.model import Cluster
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from preheat.ledger import Ledger

__all__ = ["POLICY", "cluster", "decision", "digest_of", "plan", "planned", "prove", "record"]

POLICY = "kind: PreheatPolicy\nmetadata: {name: web}\nspec:\n  rules: []\n"


def digest_of(number: int) -> str:
    """Make up a digest."""
    return f"sha256:{number:064x}"


def cluster(name: str = "eu-1", **changes: Any) -> Cluster:
    """Make up a cluster of the sandbox."""
    fields: dict[str, Any] = {
        "connection": "dragonfly_default",
        "scheduler_cluster_id": 1,
        "platforms": ("linux/amd64",),
        "pull_endpoints": {"harbor_default": "http://127.0.0.1:8085"},
        **changes,
    }
    return Cluster(name, **fields)


def planned(number: int = 1, **changes: Any) -> PlannedPlacement:
    """Plan one placement; changes are of its key."""
    key = PlacementKey(
        cluster="eu-1",
        pull_endpoint="http://127.0.0.1:8085",
        repository="library/app",
        digest=digest_of(number),
        platform="linux/amd64",
        scope=Scope.ALL_SEED_PEERS,
    )
    key = replace(key, **changes)
    settings = cluster(key.cluster).settings("harbor_default")
    label = f"{key.repository}:{number} {key.platform}"
    return PlannedPlacement(key, settings, label, tags=(str(number),))


def decision(number: int = 1, **changes: Any) -> Decision:
    """Make up a decision: even numbers are not selected."""
    selected = bool(number % 2)
    code = ReasonCode.SELECTED if selected else ReasonCode.NOT_NEWEST
    fields: dict[str, Any] = {
        "registry": "harbor_default",
        "repository": "library/app",
        "digest": digest_of(number + 1000),
        "tags": (str(number),),
        "platform": "linux/amd64",
        "selected": selected,
        "reasons": (Reason(code, f"number {number}", "newest", 4),),
        "image": digest_of(number) if selected else "",
        **changes,
    }
    return Decision(**fields)


def plan(*placements: PlannedPlacement, **changes: Any) -> Plan:
    """Make a plan of the policy ``web``."""
    fields: dict[str, Any] = {
        "policy": "web",
        "evaluated_at": datetime(2026, 11, 24, 12, tzinfo=UTC),
        "decisions": (),
        "placements": placements,
        "policy_text": POLICY,
        "policy_hash": "ab" * 32,
        "clusters": (cluster().as_data(),),
        **changes,
    }
    return Plan(**fields)


def record(
    ledger: Ledger, made: Plan, dag_id: str = "preheat__web", run_id: str = "manual__1"
) -> list[int]:
    """Record a plan; gives the ids of its placements."""
    items = ledger.record_plan(made, RunRef(dag_id, run_id)).items
    return [item.placement_id for item in items]


def prove(ledger: Ledger, placement_id: int, verdict: Verdict = Verdict.WARM) -> None:
    """Let the peers have been asked."""
    is_warm = verdict is Verdict.WARM
    missing = () if is_warm else (MissingLayer(digest_of(77), 5, ("10.0.0.1",), "404"),)
    finding = Finding(
        verdict,
        layers_expected=2,
        layers_warm=2 if is_warm else 1,
        bytes_expected=10,
        bytes_warm=10 if is_warm else 5,
        missing=missing,
        hosts=(HostFinding("10.0.0.1", 2, 10),),
        hosts_warm=1 if is_warm else 0,
        hosts_expected=1,
    )
    seen = ledger.placement(placement_id)
    assert ledger.upkeep.record_check(placement_id, finding, seen=seen)
