"""Gates and pins in whole runs: the right images are asked for, with few questions to Harbor."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from preheat.ledger import Ledger
from preheat.plan import Disposition
from preheat.sandbox.harbor import make_scan, sign

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun

SEVERE = "payments/settlement"


def source(*projects: str) -> list[dict[str, Any]]:
    """Write the sources of a policy."""
    return [{"registry": "harbor_default", "projects": list(projects)}]


def reasons(place: Any, run: DagRun, repository: str) -> list[str]:
    """Tell the deciding reason of each artifact of a repository, in the plan's order."""
    with Ledger.open(place.ledger_url) as ledger:
        decided = ledger.decisions(run.dag_id, run.run_id)
    return [d.reasons[0].code.value for d in decided if d.repository == repository]


def reports(place: Any) -> Counter[str]:
    """Count by repository how often Harbor was asked for an artifact's scan and signatures."""
    return Counter(
        entry.path.partition("/projects/")[2].partition("/artifacts/")[0]
        for entry in place.sandbox.harbor.state.requests
        if "with_scan_overview=true" in entry.query
    )


def manifests(place: Any) -> Counter[str]:
    """Count by repository how many manifests we read; Dragonfly reads them too."""
    return Counter(
        entry.path.removeprefix("/v2/").partition("/manifests/")[0]
        for entry in place.sandbox.harbor.state.requests
        if "/manifests/" in entry.path and "dragonfly" not in entry.user_agent
    )


def test_only_scanned_images_without_bad_findings_are_asked_for(place: Any) -> None:
    """And reports are read from the newest down, only until one passes.

    Of each repository the demo scanned the newest three.
    """
    dag_id = place.write_spec(
        "scanned",
        sources=source("payments"),
        rules=[place.rule()],
        gates={"vulnerabilities": {"rejectSeverity": "medium"}},
    )

    run = place.run(dag_id)

    assert run.state == "success"
    asked = {label.partition(":")[0] for label in place.labels(run)}
    assert asked == {"payments/ledger", "payments/checkout"}
    assert reasons(place, run, SEVERE) == ["SEVERITY"] * 3 + ["NO_SCAN"]
    assert reasons(place, run, "payments/ledger") == ["SELECTED"] + ["NOT_NEWEST"] * 5
    assert reports(place) == {
        "payments/repositories/ledger": 1,
        "payments/repositories/checkout": 1,
        "payments/repositories/settlement": 4,
        "payments/repositories/fraud%252Fscorer": 5,
        "payments/repositories/fraud%252Frules": 5,
    }
    assert manifests(place) == {"payments/ledger": 1, "payments/checkout": 1}


@pytest.mark.parametrize("excused", ["by the project", "by the policy"])
def test_what_an_allowlist_excuses_passes(place: Any, excused: str) -> None:
    """The demo's project excuses both critical findings of the scan; the findings are read once."""
    gate: dict[str, Any] = {"rejectSeverity": "high", "useProjectAllowlist": True}
    if excused == "by the policy":
        known = [
            {"id": f"CVE-2026-5000{number}", "until": "2099-12-31", "reason": "no harm"}
            for number in (1, 2)
        ]
        gate = {"rejectSeverity": "high", "cveAllowlist": known}
    dag_id = place.write_spec(
        "excused",
        sources=source("payments"),
        rules=[place.rule("settlement")],
        gates={"vulnerabilities": gate},
    )

    run = place.run(dag_id)

    assert run.state == "success"
    (label,) = place.labels(run)
    assert label.startswith(f"{SEVERE}:")
    paths = [entry.path for entry in place.sandbox.harbor.state.requests]
    assert sum(path.endswith("/additions/vulnerabilities") for path in paths) == 1


def test_an_image_waits_for_its_scan_while_the_older_one_is_warmed(
    place: Any, request: pytest.FixtureRequest
) -> None:
    """``waitForScan``: no failure; the next run finds the scan and takes the newer image."""
    state = place.sandbox.harbor.state
    seed = request.node.name
    older = place.push("waiting", seed, minutes_ago=90)
    state.set_scan(older, make_scan({"Low": 1}, datetime.now(UTC)))
    newer = place.push("waiting", f"{seed} newer", tag="2", minutes_ago=5)
    gate = {"rejectSeverity": "high", "onMissing": "waitForScan"}
    dag_id = place.write_spec(
        "waiting", rules=[place.rule("waiting")], gates={"vulnerabilities": gate}
    )

    first = place.run(dag_id)
    state.set_scan(newer, make_scan({}, datetime.now(UTC)))
    second = place.run(dag_id)

    assert first.state == second.state == "success"
    assert [digests(place, run) for run in (first, second)] == [[older.digest], [newer.digest]]


def digests(place: Any, run: DagRun) -> list[str]:
    """List the digests that a run's plan selected."""
    with Ledger.open(place.ledger_url) as ledger:
        decided = ledger.decisions(run.dag_id, run.run_id)
    return [decision.digest for decision in decided if decision.selected]


def test_a_stale_report_is_no_report(place: Any, request: pytest.FixtureRequest) -> None:
    """``maxReportAge``: the plan is empty, so nothing has to be warm."""
    image = place.push("stale", request.node.name)
    long_ago = datetime.now(UTC) - timedelta(days=8)
    place.sandbox.harbor.state.set_scan(image, make_scan({}, long_ago))
    gate = {"rejectSeverity": "high", "maxReportAge": "7d"}
    dag_id = place.write_spec("stale", rules=[place.rule("stale")], gates={"vulnerabilities": gate})

    run = place.run(dag_id)

    assert run.state == "success"
    assert place.outcomes(run) == []
    assert reasons(place, run, "library/stale")[0] == "SCAN_STALE"


def test_only_signed_images_are_asked_for(place: Any, request: pytest.FixtureRequest) -> None:
    """A signature of another kind does not count, and each image is asked about once."""
    image = place.push("notary", request.node.name)
    sign(place.sandbox.harbor.state, image, "signature.notation")
    place.sandbox.harbor.state.requests.clear()
    dag_id = place.write_spec(
        "signed",
        rules=[place.rule("nginx", "busybox", "notary")],
        gates={"signature": {"verifier": "cosign"}},
    )

    run = place.run(dag_id)

    assert run.state == "success"
    assert place.labels(run) == {"library/nginx:2.3.0"}
    assert reasons(place, run, "library/busybox") == ["UNSIGNED", "UNSIGNED"]
    assert reasons(place, run, "library/notary")[0] == "UNSIGNED"
    assert reports(place) == {
        "library/repositories/nginx": 1,
        "library/repositories/busybox": 2,
        "library/repositories/notary": 1,
    }


def test_a_large_image_is_left_out_by_its_platform(place: Any) -> None:
    """Harbor tells the sum of all platforms: where that is too much, the one manifest decides."""
    dag_id = place.write_spec(
        "small",
        rules=[place.rule("hello", "nginx", "postgres")],
        gates={"size": {"maxPerImage": "5MiB"}},
    )

    run = place.run(dag_id)

    assert run.state == "success"
    assert place.labels(run) == {"library/hello:1.0", "library/nginx:2.3.0"}
    assert set(reasons(place, run, "library/postgres")) == {"TOO_BIG"}
    # hello is small in all; it is read because it is asked for, each other one to be weighed.
    assert manifests(place) == {"library/hello": 1, "library/nginx": 1, "library/postgres": 4}


def test_a_newest_image_that_a_gate_keeps_out_can_fail_the_run(place: Any, said: Any) -> None:
    """``onIneligible: fail``: what passes is warmed all the same, and the reason is told."""
    dag_id = place.write_spec(
        "strict",
        sources=source("payments"),
        rules=[place.rule("settlement", "ledger", onIneligible="fail")],
        gates={"vulnerabilities": {"rejectSeverity": "critical"}},
    )

    run = place.run(dag_id)

    assert run.state == "failed"
    assert {label.partition(":")[0] for label in place.labels(run)} == {"payments/ledger"}
    assert "its worst finding is Critical; the policy rejects critical" in said()


def test_a_pinned_image_needs_no_rule_and_no_gate(place: Any, said: Any) -> None:
    """Until its last day, which the plan tells once it is over."""
    pins = [
        {"image": "library/hello:1.0", "until": "2099-12-31", "reason": "smoke test"},
        {"image": "library/redis:2.2.0", "until": "2025-01-01", "reason": "long ago"},
    ]
    dag_id = place.write_spec(
        "pinned",
        pins=pins,
        rules=[place.rule("nginx")],
        gates={"signature": {"verifier": "cosign"}},
    )

    run = place.run(dag_id)

    assert run.state == "success"
    assert place.labels(run) == {"library/hello:1.0", "library/nginx:2.3.0"}
    assert "PINNED" in reasons(place, run, "library/hello")
    assert not reports(place)["library/repositories/hello"]
    assert "2025-01-01" in said()
    assert place.labels(run, Disposition.OVER_BUDGET) == set()
