"""The gate for deployments: it says yes only where all of an image is proved warm now."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import requests
from tests.web.plans import cluster, digest_of, plan, planned, prove, record

from preheat.ledger import RunRef
from preheat.placement import Scope
from preheat.sandbox import serve
from preheat.sandbox.harbor import ImageSpec, push_image
from preheat.verdict import Verdict
from preheat.web import gating
from preheat.web.refusing import MEDIA_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.web.conftest import Receiver

    from preheat.sandbox import Sandbox

NAME = "library/gated"
BOTH = ("linux/amd64", "linux/arm64")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """Serve a Harbor with the demo's images."""
    with serve(catalogue="demo") as served:
        yield served


@pytest.fixture
def harbor(receiver: Receiver, sandbox: Sandbox) -> Iterator[Sandbox]:
    """Let the connection lead to the sandbox, and the reader see all; eu-1 is known."""
    receiver.read_as(None)
    receiver.connect(
        "harbor_default",
        host=sandbox.harbor_url,
        login=sandbox.robot_name,
        password=sandbox.robot_secret,
    )
    record(receiver.ledger, plan(planned(1, repository="library/other")), run_id="first")
    yield sandbox
    sandbox.harbor.faults.clear()


def push(sandbox: Sandbox, seed: str, *platforms: str) -> dict[str, str]:
    """Push an image as ``:1``; gives the digest of each platform's manifest, of the index as ""."""
    spec = ImageSpec(seed, platforms=platforms or BOTH[:1])
    pushed = push_image(sandbox.harbor.state, NAME, spec, tags=["1"])
    told = requests.get(
        f"{sandbox.harbor_url}/sandbox/images?repository={NAME}&reference=1", timeout=10
    ).json()
    return {"": pushed.digest} | {
        name: one["digest"] for name, one in told.get("platforms", {}).items()
    }


def want(receiver: Receiver, *digests: str, run_id: str = "wanted", **changes: Any) -> list[int]:
    """Let a plan want these manifests on eu-1."""
    items = [planned(repository=NAME, **{"digest": digest, **changes}) for digest in digests]
    return record(receiver.ledger, plan(*items), run_id=run_id)


def ask(receiver: Receiver, image: str = f"{NAME}:1", **params: Any) -> requests.Response:
    """Ask the gate."""
    return receiver.get("/warm", **{"image": image, "cluster": "eu-1", **params})


def refused(answer: requests.Response, status: int = 409) -> dict[str, Any]:
    """Read why not."""
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, MEDIA_TYPE)
    found: dict[str, Any] = answer.json()
    return found


def test_yes_rests_on_a_proof_and_names_it(receiver: Receiver, harbor: Sandbox) -> None:
    """By tag, by index and by manifest: which digests, how old, since when."""
    pushed = push(harbor, "yes", *BOTH)
    (placement_id,) = want(receiver, pushed["linux/amd64"])
    told = refused(ask(receiver))
    (against,) = told["not_warm"]
    assert (against["placement"], against["verdict"]) == (placement_id, "UNKNOWN")
    assert against["words"] == "it was never proved"
    assert "POST" in against["advice"]

    prove(receiver.ledger, placement_id)
    for name in (f"{NAME}:1", f"{NAME}@{pushed['']}", f"{NAME}@{pushed['linux/amd64']}"):
        answer = ask(receiver, name)
        assert answer.status_code == 200, name
        found = answer.json()
        assert [one["digest"] for one in found["images"]] == [pushed["linux/amd64"]]
        assert found["checked_at"] == found["warm_since"] == found["placements"][0]["warm_since"]


def test_a_tag_that_moved_is_not_warm(receiver: Receiver, harbor: Sandbox) -> None:
    """What was warm is the image of before."""
    before = push(harbor, "before")
    prove(receiver.ledger, *want(receiver, before[""]))
    assert ask(receiver).status_code == 200
    after = push(harbor, "after")
    told = refused(ask(receiver))
    assert [one["digest"] for one in told["not_warm"]] == [after[""]]
    assert "no plan wants it on eu-1" in told["detail"]
    assert ask(receiver, f"{NAME}@{before['']}").status_code == 200


def test_every_platform_of_the_cluster_counts(receiver: Receiver, harbor: Sandbox) -> None:
    """One of two that is not warm is named; asked about the other alone, the gate says yes."""
    entry = cluster(platforms=BOTH)
    pushed = push(harbor, "two", *BOTH)
    items = [planned(repository=NAME, digest=pushed[name], platform=name) for name in BOTH]
    amd, arm = record(receiver.ledger, plan(*items, clusters=(entry.as_data(),)), run_id="two")
    prove(receiver.ledger, amd)
    prove(receiver.ledger, arm, Verdict.PARTIAL)
    told = refused(ask(receiver))
    assert [(one["placement"], one["verdict"]) for one in told["not_warm"]] == [(arm, "PARTIAL")]
    assert "whole on 0 of 1 hosts" in told["not_warm"][0]["words"]
    assert ask(receiver, platform="linux/amd64").status_code == 200
    told = refused(ask(receiver, platform="windows/amd64"))
    assert "no image for windows/amd64" in told["detail"]


def test_every_scope_that_is_wanted_counts(receiver: Receiver, harbor: Sandbox) -> None:
    """Unless one is asked for."""
    digest = push(harbor, "scopes")[""]
    wide = planned(repository=NAME, digest=digest, scope=Scope.ALL_PEERS)
    narrow = planned(repository=NAME, digest=digest)
    _, proved = record(receiver.ledger, plan(wide, narrow), run_id="scopes")
    prove(receiver.ledger, proved)
    told = refused(ask(receiver))
    assert [one["scope"] for one in told["not_warm"]] == ["all_peers"]
    assert ask(receiver, scope="all_seed_peers").status_code == 200
    assert refused(ask(receiver, scope="single_seed_peer"))["not_warm"][0]["placement"] is None


def test_a_proof_may_be_too_old(
    receiver: Receiver, harbor: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody may ask how old, and hears what to do."""
    (placement_id,) = want(receiver, push(harbor, "old")[""])
    prove(receiver.ledger, placement_id)
    assert ask(receiver, max_age=3600).status_code == 200
    overview = receiver.ledger.overview
    later = overview.now().replace(year=2100)
    monkeypatch.setattr(type(overview), "now", lambda _: later)
    told = refused(ask(receiver, max_age=3600))
    assert "too long" in told["not_warm"][0]["words"]
    assert f"placement {placement_id}" in told["not_warm"][0]["advice"]
    assert ask(receiver).status_code == 200


def test_what_is_being_asked_for_or_gone_is_not_warm(receiver: Receiver, harbor: Sandbox) -> None:
    """An open attempt is named; an artifact that was deleted is no image to deploy."""
    (placement_id,) = want(receiver, push(harbor, "open")[""])
    ledger = receiver.ledger
    run = RunRef("preheat__web", "wanted", "track")
    claim = ledger.open_attempt(placement_id, owner="me", run=run, lease_seconds=60)
    told = refused(ask(receiver))
    assert told["not_warm"][0]["advice"] == f"Wait for attempt {claim.attempt.id}."
    gone = want(receiver, digest := push(harbor, "gone")[""], run_id="gone")
    prove(ledger, *gone)
    ledger.inbox.mark_deleted(gone)
    assert "gone" in refused(ask(receiver, f"{NAME}@{digest}"))["not_warm"][0]["words"]


def test_what_cannot_be_known_is_no_yes(
    receiver: Receiver, harbor: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No image: 404. No Harbor, a slow one, a wrong robot, no connection: 503, never 200."""
    prove(receiver.ledger, *want(receiver, push(harbor, "known")[""]))
    assert ask(receiver).status_code == 200
    refused(ask(receiver, f"{NAME}:nothing"), 404)
    refused(ask(receiver, cluster="nowhere"), 404)
    faults = harbor.harbor.faults
    for fault in ({"status": 500}, {"drop": "before"}, {"status": 403}, {"status": 200}):
        faults.add(times=None, **fault)
        told = refused(ask(receiver), 503)
        assert "not known to be warm" in told["detail"]
        faults.clear()
    with monkeypatch.context() as patched:
        patched.setattr(gating, "HARBOR_SECONDS", 0.2)
        faults.add(times=None, hold="before")
        assert "0.2 s" in refused(ask(receiver), 503)["detail"]
        faults.clear()
    receiver.connect("harbor_default", host="ftp://nowhere")
    assert "connection" in refused(ask(receiver), 503)["detail"]


def test_who_sees_nothing_of_a_repository_learns_nothing_from_harbor(
    receiver: Receiver, harbor: Sandbox
) -> None:
    """Harbor answers us, not the reader: what is there and what is not look the same."""
    push(harbor, "secret")
    want(receiver, digest_of(5))
    hidden = refused(ask(receiver, "web/frontend:2.4.1"), 409)
    assert "no plan wants it" in hidden["detail"]
    receiver.read_as({"preheat__web"})
    record(receiver.ledger, plan(planned(8, repository="web/frontend"), policy="b"), "preheat__b")
    there = refused(ask(receiver, "web/frontend:2.4.1"), 404)
    nowhere = refused(ask(receiver, "web/nothing:1"), 404)
    assert there == nowhere
    assert ask(receiver).status_code == 409


def test_another_harbor_is_another_image(receiver: Receiver, harbor: Sandbox) -> None:
    """Only one that the cluster pulls from may be asked about."""
    digest = push(harbor, "two harbors")[""]
    other = planned(repository=NAME, digest=digest)
    other = replace(other, settings=replace(other.settings, registry="harbor_b"))
    prove(receiver.ledger, *record(receiver.ledger, plan(other), run_id="other"))
    assert refused(ask(receiver))["not_warm"][0]["placement"] is None
    assert refused(ask(receiver, registry="harbor_b"), 422)["problems"]
