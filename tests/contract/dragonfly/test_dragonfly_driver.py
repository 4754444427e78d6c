"""What every Dragonfly must do for the driver: the sandbox always, a live one when named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from preheat.drivers.base import JobState
from preheat.errors import RefusedError
from preheat.verdict import Verdict, judge

if TYPE_CHECKING:
    from typing import TypeAlias

Site: TypeAlias = Any
ABSENT = "sha256:" + "0" * 64


def test_the_connection_test_is_good(site: Site) -> None:
    """Manager, token, database and clusters are fine and named."""
    report = site.driver().check()
    assert report.ok, report
    assert "scheduler clusters: " in str(report)


def test_an_unknown_token_is_told(site: Site) -> None:
    """Neither the check nor a call mistakes it for something else."""
    driver = site.driver(token=SecretStr("not-a-token"))
    assert not driver.check().ok
    with pytest.raises(RefusedError, match="does not know this token"):
        driver.find("nothing")


def test_an_unknown_nonce_is_not_found(site: Site) -> None:
    """The whole list is read and has none."""
    assert site.driver().find("0f" * 16) == []


def test_an_unknown_job_is_expired(site: Site) -> None:
    """By id, and among many that are looked for in the list."""
    wanted = range(900_000_000, 900_000_006)
    jobs = site.driver().query(wanted, scheduler_cluster_id=1)
    assert {job.state for job in jobs.values()} == {JobState.EXPIRED}
    assert set(jobs) == set(wanted)


def test_an_unknown_cluster_is_refused_by_name(heatable: Site) -> None:
    """The manager answers 429; the list of clusters tells why."""
    request = heatable.request(scheduler_cluster_id=999_999)
    with pytest.raises(RefusedError, match="no scheduler cluster 999999"):
        heatable.driver().heat(request)


def test_an_unknown_image_is_refused_with_the_registrys_words(heatable: Site) -> None:
    """The manager resolves the image before it answers."""
    with pytest.raises(RefusedError, match="has no such image") as caught:
        heatable.driver().heat(heatable.request(digest=ABSENT))
    assert caught.value.words


def test_a_job_is_found_followed_and_proved(heatable: Site) -> None:
    """The whole life: heat, find by nonce, follow by id, judge the report, ask the peers."""
    driver, request = heatable.driver(), heatable.request()
    created = driver.heat(request)
    assert created.state is JobState.RUNNING
    assert [job.id for job in driver.find(request.nonce)] == [created.id]

    ended = heatable.settled(driver, created)
    assert (ended.state, ended.nonce) == (JobState.ENDED, request.nonce)
    assert judge(heatable.image, request.key, ended.report).verdict is Verdict.WARM

    proof = driver.verify(request, [blob.digest for blob in heatable.image.blobs])
    finding = judge(heatable.image, request.key, proof)
    assert finding.verdict is Verdict.WARM
    assert all(host.host != "unknown" for host in finding.hosts)


def test_many_jobs_are_followed_by_list_pages(heatable: Site) -> None:
    """More than a few at once bring the same as one by one."""
    driver, request = heatable.driver(), heatable.request()
    ids = [driver.heat(request).id for _ in range(6)]
    last = heatable.settled(driver, driver.find(request.nonce)[-1])
    cluster = heatable.scheduler_cluster_id
    jobs = driver.query(ids, scheduler_cluster_id=cluster)
    assert {job.state for job in jobs.values()} == {JobState.ENDED}
    assert jobs[last.id].report == last.report
    assert [job.id for job in driver.find(request.nonce)] == sorted(ids)
