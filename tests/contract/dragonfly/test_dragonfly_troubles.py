"""The driver and the verdict in trouble: on a sandbox whose peers can be looked into."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from preheat.drivers.base import JobState
from preheat.errors import (
    RateLimitedError,
    RefusedError,
    RemoteUnavailableError,
    UnexpectedAnswerError,
)
from preheat.placement import Scope
from preheat.sandbox import serve
from preheat.sandbox.dragonfly import ManagerSettings
from preheat.verdict import Verdict, judge

if TYPE_CHECKING:
    from typing import TypeAlias

    from preheat.drivers.base import HeatRequest
    from preheat.verdict import Finding

Site: TypeAlias = Any
SEEDS = ("10.77.0.11", "10.77.0.14")
NODES = ("10.77.0.12", "10.77.0.13")


def truly_held(site: Site, request: HeatRequest, ip: str) -> set[str]:
    """Look into a simulated peer: which complete blobs of the placement it holds."""
    urls = {
        copy.task.url
        for copy in site.sandbox.dragonfly.state.peer(ip).copies.values()
        if copy.complete
    }
    return {blob.digest for blob in site.image.blobs if request.key.blob_url(blob.digest) in urls}


def is_truly_warm(site: Site, request: HeatRequest) -> bool:
    """Count the simple way, on the peers themselves."""
    everything = {blob.digest for blob in site.image.blobs}
    if request.key.scope is Scope.SINGLE_SEED_PEER:
        return set().union(*(truly_held(site, request, ip) for ip in SEEDS)) == everything
    hosts = NODES if request.key.scope is Scope.ALL_PEERS else SEEDS
    return all(truly_held(site, request, ip) == everything for ip in hosts)


def heat(site: Site, request: HeatRequest) -> Finding:
    """Heat, wait and judge, with the hosts of the cluster known."""
    driver = site.driver()
    job = site.settled(driver, driver.heat(request))
    hosts = NODES if request.key.scope is Scope.ALL_PEERS else SEEDS
    return judge(site.image, request.key, job.report, expected_hosts=hosts)


def prove(site: Site, request: HeatRequest) -> Finding:
    """Ask the peers and judge."""
    report = site.driver().verify(request, [blob.digest for blob in site.image.blobs])
    hosts = NODES if request.key.scope is Scope.ALL_PEERS else SEEDS
    return judge(site.image, request.key, report, expected_hosts=hosts)


@pytest.mark.parametrize("scope", list(Scope))
def test_a_whole_image_is_warm_in_every_scope(fresh: Site, scope: Scope) -> None:
    """Report, proof and the peers' disks agree."""
    request = fresh.request(scope=scope)
    assert prove(fresh, request).verdict is Verdict.COLD
    assert heat(fresh, request).verdict is Verdict.WARM
    assert prove(fresh, request).verdict is Verdict.WARM
    assert is_truly_warm(fresh, request)


@pytest.mark.parametrize("scope", list(Scope))
@pytest.mark.parametrize("state", ["missing", "unreadable"])
def test_a_broken_layer_is_never_warm_and_a_proof_names_it(
    fresh: Site, scope: Scope, state: str
) -> None:
    """single_seed_peer says SUCCESS all the same (recorded run-one-blob-missing-single-seed)."""
    broken = fresh.image.blobs[-1]
    fresh.sandbox.harbor.state.set_blob(broken.digest, state)
    request = fresh.request(scope=scope)
    finding = heat(fresh, request)
    assert finding.verdict is not Verdict.WARM
    assert broken.digest in {layer.digest for layer in finding.missing}
    proof = prove(fresh, request)
    assert proof.verdict is Verdict.PARTIAL
    assert [layer.digest for layer in proof.missing] == [broken.digest]


def test_a_repaired_layer_makes_it_warm(fresh: Site) -> None:
    """A repeat names the host unknown for what the seeds held, and counts."""
    broken = fresh.image.blobs[-1]
    fresh.sandbox.harbor.state.set_blob(broken.digest, "unreadable")
    assert heat(fresh, fresh.request()).verdict is Verdict.PARTIAL
    fresh.sandbox.harbor.state.set_blob(broken.digest, "ok")
    request = fresh.request()
    finding = heat(fresh, request)
    assert finding.verdict is Verdict.WARM
    assert "unknown" in {host.host for host in finding.hosts}
    assert is_truly_warm(fresh, request)


@pytest.mark.parametrize("state", ["stopped", "killed"])
def test_a_peer_that_is_down_is_not_warm_once_it_is_expected(fresh: Site, state: str) -> None:
    """A stopped one is silently left out (recorded all-peers-after-graceful-stop)."""
    fresh.sandbox.dragonfly.state.set_peer("10.77.0.13", state, settle=True)
    finding = heat(fresh, fresh.request(scope=Scope.ALL_PEERS))
    assert finding.verdict is Verdict.PARTIAL
    assert {layer.hosts for layer in finding.missing} == {("10.77.0.13",)}


def test_a_credential_that_the_registry_refuses_is_a_refusal(fresh: Site) -> None:
    """Nothing is queued, and the registry's words are kept."""
    authorization = SecretStr("Basic bm9ib2R5OndvcmQ=")
    request = fresh.request(repository="web/frontend", authorization=authorization)
    with pytest.raises(RefusedError, match=r"refused the credentials|has no such image"):
        fresh.driver().heat(request)


def test_a_post_that_was_cut_after_it_worked_is_found_by_its_nonce(fresh: Site) -> None:
    """The effect is unknown, the nonce tells."""
    faults = {"match": {"method": "POST", "path": "/oapi/v1/jobs$"}, "drop": "after"}
    fresh.session.post(f"{fresh.url}/sandbox/faults", json=faults, timeout=5).raise_for_status()
    driver, request = fresh.driver(), fresh.request()
    with pytest.raises(RemoteUnavailableError) as caught:
        driver.heat(request)
    assert caught.value.sent is True
    assert len(driver.find(request.nonce)) == 1


def test_a_slow_manager_is_given_up_on_and_its_job_found_later(fresh: Site) -> None:
    """The POST has a time-out for all of it."""
    faults = {"match": {"method": "POST", "path": "/oapi/v1/jobs$"}, "delay_seconds": 1}
    fresh.session.post(f"{fresh.url}/sandbox/faults", json=faults, timeout=5).raise_for_status()
    driver, request = fresh.driver(post_timeout_seconds=0.3), fresh.request()
    with pytest.raises(RemoteUnavailableError):
        driver.heat(request)


def test_a_job_of_a_restarted_manager_is_lost_but_provable(fresh: Site) -> None:
    """It stays pending for ever although the work was done (manager-restart-job-pending)."""
    driver, request = fresh.driver(), fresh.request()
    job = driver.heat(request)
    state = fresh.sandbox.dragonfly.state
    state.advance(1)
    state.restart()
    state.advance(3000)
    jobs = driver.query([job.id], scheduler_cluster_id=1)
    assert jobs[job.id].state is JobState.RUNNING
    state.advance(1000)
    assert driver.query([job.id], scheduler_cluster_id=1)[job.id].state is JobState.LOST
    assert prove(fresh, request).verdict is Verdict.WARM


def test_a_job_whose_row_was_cleaned_up_is_expired_but_provable(fresh: Site) -> None:
    """The manager deletes rows after some hours; the copies stay."""
    driver, request = fresh.driver(), fresh.request(scope=Scope.ALL_PEERS)
    job = fresh.settled(driver, driver.heat(request))
    fresh.sandbox.dragonfly.state.jobs.expire()
    expired = driver.query([job.id], scheduler_cluster_id=1)[job.id]
    assert (expired.state, expired.report) == (JobState.EXPIRED, None)
    assert prove(fresh, request).verdict is Verdict.WARM


def test_a_proof_without_the_registry_asks_for_each_blob(fresh: Site) -> None:
    """The manager cannot resolve the image, the peers still hold it."""
    request = fresh.request(scope=Scope.ALL_SEED_PEERS)
    assert heat(fresh, request).verdict is Verdict.WARM
    blind = fresh.request(scope=Scope.ALL_SEED_PEERS, digest="sha256:" + "0" * 64)
    report = fresh.driver().verify(blind, [blob.digest for blob in fresh.image.blobs])
    finding = judge(fresh.image, blind.key, report, expected_hosts=SEEDS)
    assert finding.verdict is Verdict.WARM


def test_a_job_that_the_manager_forced_to_fail_keeps_its_words(fresh: Site) -> None:
    """The text is all there is."""
    driver, request = fresh.driver(), fresh.request()
    job = driver.heat(request)
    fresh.sandbox.dragonfly.state.force(job.id, "FAILURE", "cluster 1 no available seed peer")
    failed = driver.query([job.id], scheduler_cluster_id=1)[job.id]
    finding = judge(fresh.image, request.key, failed.report)
    assert (failed.state, finding.verdict) == (JobState.FAILED, Verdict.COLD)
    assert finding.words == "cluster 1 no available seed peer"


def test_the_rate_limit_sets_the_pace(fresh: Site) -> None:
    """What is turned away with 429 tries again, and each is asked for once."""
    fresh.sandbox.dragonfly.state.set_rate(1, 2)
    driver, request = fresh.driver(), fresh.request()
    before = fresh.sandbox.dragonfly.state.jobs.last_id
    jobs = [driver.heat(request) for _ in range(4)]
    assert [job.id - before for job in jobs] == [1, 2, 3, 4]


def test_a_rate_limit_that_stays_is_told_as_such(fresh: Site) -> None:
    """The time of one POST is all that it may take."""
    fresh.sandbox.dragonfly.state.set_rate(1, 1)
    driver, request = fresh.driver(post_timeout_seconds=0.5), fresh.request()
    with pytest.raises(RateLimitedError):
        [driver.heat(request) for _ in range(10)]


def test_a_database_that_goes_down_is_no_bad_token(fresh: Site) -> None:
    """The manager answers 401 to a token that worked before."""
    driver = fresh.driver()
    driver.find("nothing")
    fresh.sandbox.dragonfly.state.tokens.database_is_down = True
    for _ in range(2):
        with pytest.raises(RemoteUnavailableError):
            driver.find("nothing")
        fresh.sandbox.dragonfly.state.advance(60)
    fresh.sandbox.dragonfly.state.tokens.database_is_down = False
    assert driver.find("nothing") == []


def test_somebody_elses_broken_job_does_not_hide_ours(fresh: Site) -> None:
    """An unknown user_id turns list pages into 404 (recorded user-id-unknown-list)."""
    driver, request = fresh.driver(), fresh.request()
    job = driver.heat(request)
    body = {
        "type": "preheat",
        "user_id": 777,
        "args": {"type": "image", "url": request.key.manifest_url},
        "scheduler_cluster_ids": [1],
    }
    headers = {"Authorization": f"Bearer {fresh.token}"}
    fresh.session.post(f"{fresh.url}/oapi/v1/jobs", json=body, headers=headers, timeout=5)
    assert [found.id for found in driver.find(request.nonce)] == [job.id]


def test_an_answer_of_another_shape_is_told(fresh: Site) -> None:
    """A proxy's page with status 200 is no list."""
    faults = {"match": {"method": "GET"}, "status": 200, "body": "<html>come back later</html>"}
    fresh.session.post(f"{fresh.url}/sandbox/faults", json=faults, timeout=5).raise_for_status()
    with pytest.raises(UnexpectedAnswerError, match="come back later"):
        fresh.driver().find("nothing")


def test_a_manager_that_is_down_is_unavailable(fresh: Site) -> None:
    """And the connection test says so in a sentence."""
    fresh.sandbox.dragonfly.stop()
    driver = fresh.driver()
    with pytest.raises(RemoteUnavailableError):
        driver.query([1], scheduler_cluster_id=1)
    assert "did not answer GET /healthy" in str(driver.check())
    fresh.sandbox.dragonfly.start()


def test_harbors_address_is_not_taken_for_a_manager(fresh: Site) -> None:
    """The most likely mistake in the connection's form."""
    report = fresh.driver(url=fresh.sandbox.harbor_url).check()
    assert not report.ok
    assert "no Dragonfly manager" in str(report)


def test_an_old_manager_is_warned_of(fresh: Site) -> None:
    """Anybody may create jobs on it (CVE-2026-24124)."""
    with serve(catalogue="empty", settings=ManagerSettings(version="2.4.0")) as old:
        report = fresh.driver(url=old.dragonfly_url).check()
    assert report.ok
    assert "CVE-2026-24124" in str(report)
