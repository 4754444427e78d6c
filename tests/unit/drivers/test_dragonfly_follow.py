"""Following jobs: by id, by list pages, by nonce; and what vanished or got lost."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from preheat.drivers.base import JobState, Timing
from preheat.errors import (
    AnswerTooLargeError,
    RefusedError,
    RemoteUnavailableError,
    UnexpectedAnswerError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from preheat.drivers.dragonfly import DragonflyDriver

NOT_FOUND = (404, '{"message":"record not found"}', {})
RESULT = {
    "state": "SUCCESS",
    "job_states": [
        {
            "state": "SUCCESS",
            "error": "",
            "results": [
                {
                    "scheduler_cluster_id": 1,
                    "failure_tasks": None,
                    "success_tasks": [
                        {"url": "http://r/v2/a/blobs/sha256:1", "hostname": "s", "ip": "10.0.0.1"}
                    ],
                }
            ],
        }
    ],
}


def row(number: int, **changes: Any) -> dict[str, Any]:
    """Build a job as a list holds it; the test's manager has it at 04:30:00."""
    return {
        "id": number,
        "created_at": "2026-11-24T04:29:00Z",
        "type": "preheat",
        "state": "SUCCESS",
        "bio": f"preheat:n-{number} note",
        "args": {"headers": {"Authorization": "Bearer pull"}},
        "result": RESULT,
        "scheduler_clusters": None,
        **changes,
    }


def manager_of(rows: Sequence[dict[str, Any]], broken: Sequence[int] = ()) -> Callable[[Any], Any]:
    """Answer like a manager with these rows, newest first; pages with a broken row are 404."""

    def answer(call: Any) -> tuple[int, str, dict[str, str]]:
        if call.path.startswith("/oapi/v1/jobs/"):
            number = int(call.path.rpartition("/")[2])
            found = [item for item in rows if item["id"] == number and number not in broken]
            return (200, json.dumps(found[0]), {}) if found else NOT_FOUND
        page, per_page = int(call.query["page"]), int(call.query["per_page"])
        shown = rows[(page - 1) * per_page : page * per_page]
        if any(item["id"] in broken for item in shown):
            return NOT_FOUND
        return 200, json.dumps(shown), {}

    return answer


def paths(wire: Any) -> list[str]:
    """List what was asked for."""
    return [call.path for call in wire.calls]


def test_few_jobs_are_asked_for_by_id(wire: Any, driver: DragonflyDriver) -> None:
    """An ended job brings its report."""
    wire.answer = manager_of([row(7)])
    job = driver.query([7], scheduler_cluster_id=1)[7]
    assert (job.state, job.nonce, job.age_seconds) == (JobState.ENDED, "n-7", 60.0)
    assert job.report is not None
    assert [(copy.digest, copy.ip) for copy in job.report.copies] == [("sha256:1", "10.0.0.1")]
    assert paths(wire) == ["/oapi/v1/jobs/7"]


def test_many_jobs_cost_a_few_pages(wire: Any, driver: DragonflyDriver) -> None:
    """The manager keeps a metric for each path, so ids are not asked for one by one."""
    wire.answer = manager_of([row(number) for number in range(180, 0, -1)])
    wanted = range(60, 180)
    assert set(driver.query(wanted, scheduler_cluster_id=1)) == set(wanted)
    assert paths(wire) == ["/oapi/v1/jobs"] * 3
    assert {call.query["per_page"] for call in wire.calls} == {"50"}
    assert {call.query["type"] for call in wire.calls} == {"preheat"}


def test_pages_past_the_oldest_job_are_not_read(wire: Any, driver: DragonflyDriver) -> None:
    """A vanished job does not make the driver read the whole list; its id is asked for."""
    wire.answer = manager_of([row(number) for number in range(1000, 0, -1) if number != 995])
    jobs = driver.query(range(990, 1000), scheduler_cluster_id=1)
    assert jobs[995].state is JobState.EXPIRED
    assert paths(wire) == ["/oapi/v1/jobs", "/oapi/v1/jobs/995"]


def test_a_job_that_the_pages_missed_is_not_called_expired(
    wire: Any, driver: DragonflyDriver
) -> None:
    """Rows shift while new jobs arrive, and a replica's list may be 30 s old."""
    rows = [row(number) for number in range(9, 0, -1)]
    full, listed = manager_of(rows), manager_of(rows[1:])
    wire.answer = lambda call: listed(call) if call.path == "/oapi/v1/jobs" else full(call)
    assert driver.query(range(1, 10), scheduler_cluster_id=1)[9].state is JobState.ENDED


def test_a_vanished_job_is_expired(wire: Any, driver: DragonflyDriver, replayed: Any) -> None:
    """Rows are deleted after 6 to 9 hours (recorded get-unknown-id)."""
    wire.answer = lambda _: replayed("get-unknown-id")
    job = driver.query([5], scheduler_cluster_id=1)[5]
    assert (job.state, job.report) == (JobState.EXPIRED, None)


def test_a_404_of_something_else_is_not_taken_for_an_expired_job(
    wire: Any, driver: DragonflyDriver, replayed: Any
) -> None:
    """An HTML page is no word of a manager (recorded route-root)."""
    wire.answer = lambda _: replayed("route-root")
    with pytest.raises(UnexpectedAnswerError, match="Check the URL"):
        driver.query([5], scheduler_cluster_id=1)


@pytest.mark.parametrize(
    ("state", "created", "expected"),
    [
        ("PENDING", "2026-11-24T04:29:30Z", JobState.RUNNING),
        ("STARTED", "2026-11-24T04:29:30Z", JobState.RUNNING),
        ("PENDING", "2026-11-24T03:29:00Z", JobState.RUNNING),
        ("PENDING", "2026-11-24T03:24:00Z", JobState.LOST),
        ("FAILURE", "2026-11-24T03:20:00Z", JobState.FAILED),
    ],
)
def test_a_pending_job_past_the_last_look_is_lost(
    wire: Any, driver: DragonflyDriver, state: str, created: str, expected: JobState
) -> None:
    """A restarted manager leaves jobs pending for ever (manager-restart-still-pending-later)."""
    wire.answer = manager_of([row(7, state=state, created_at=created)])
    assert driver.query([7], scheduler_cluster_id=1)[7].state is expected
    assert Timing().lost_after == 3810.0


def test_ages_are_never_negative(wire: Any, driver: DragonflyDriver) -> None:
    """The Date header has whole seconds, created_at has milliseconds and any time zone."""
    wire.answer = manager_of([row(7, created_at="2026-11-24T05:30:00.9+01:00")])
    assert driver.query([7], scheduler_cluster_id=1)[7].age_seconds == 0.0


def test_a_job_that_the_manager_gave_up_has_no_report(wire: Any, driver: DragonflyDriver) -> None:
    """After its last look a manager says FAILURE while the work may go on: that proves nothing."""
    result = {
        "state": "PENDING",
        "job_states": [{"state": "STARTED", "error": "", "results": None}],
    }
    wire.answer = manager_of([row(7, state="FAILURE", result=result)])
    job = driver.query([7], scheduler_cluster_id=1)[7]
    assert (job.state, job.report) == (JobState.FAILED, None)


def test_what_another_cluster_reports_does_not_count(wire: Any, driver: DragonflyDriver) -> None:
    """After a reset of the database ids start again: job 7 may be somebody else's."""
    wire.answer = manager_of([row(7)])
    report = driver.query([7], scheduler_cluster_id=2)[7].report
    assert report is not None
    assert report.copies == ()


@pytest.mark.parametrize(
    "result",
    [
        None,
        {},
        [],
        {"state": "SUCCESS", "job_states": None},
        {"state": "SUCCESS", "job_states": [{"state": "SUCCESS", "error": ""}]},
        {
            "state": "SUCCESS",
            "job_states": [
                {"state": "SUCCESS", "error": "", "results": [{"scheduler_cluster_id": 1}]}
            ],
        },
    ],
)
def test_an_ended_job_without_a_proper_result_is_an_error(
    wire: Any, driver: DragonflyDriver, result: object
) -> None:
    """Null lists are an answer (silent success), missing ones are not."""
    wire.answer = manager_of([row(7, result=result)])
    with pytest.raises(UnexpectedAnswerError, match="something else than a preheat result"):
        driver.query([7], scheduler_cluster_id=1)


def test_results_of_other_jobs_are_not_even_looked_at(wire: Any, driver: DragonflyDriver) -> None:
    """Rows are megabytes each, and other people's may be of any kind."""
    others = [
        row(number, result="rubbish", bio="someone", state="ODD") for number in range(20, 10, -1)
    ]
    wire.answer = manager_of([*others, *[row(number) for number in range(10, 0, -1)]])
    assert len(driver.query(range(1, 11), scheduler_cluster_id=1)) == 10


def test_a_nonce_is_found_lowest_id_first(wire: Any, driver: DragonflyDriver) -> None:
    """A POST that was cut may have left a row beside that of the repeat."""
    rows = [row(number) for number in range(120, 0, -1)]
    for index in (1, 70):
        rows[index]["bio"] = "preheat:mine again"
    wire.answer = manager_of(rows)
    assert [job.id for job in driver.find("mine")] == [50, 119]


@pytest.mark.parametrize(
    "bio", ["preheat:mine2 x", "preheat:mi", "xpreheat:mine", "mine", "preheat: mine", ""]
)
def test_only_the_whole_nonce_counts(wire: Any, driver: DragonflyDriver, bio: str) -> None:
    """A prefix of another nonce is another attempt."""
    wire.answer = manager_of([row(1, bio=bio)])
    assert driver.find("mine") == []


def test_the_search_ends_at_rows_older_than_the_attempt(wire: Any, driver: DragonflyDriver) -> None:
    """The list may hold hours of other people's jobs."""
    wire.answer = manager_of([row(number) for number in range(500, 0, -1)])
    assert driver.find("mine", max_age_seconds=30) == []
    assert len(wire.calls) == 1


def test_the_search_ends_below_a_job_that_was_found(wire: Any, driver: DragonflyDriver) -> None:
    """Jobs of one attempt lie close together."""
    old = [row(number, created_at="2026-11-24T03:00:00Z") for number in range(499, 0, -1)]
    wire.answer = manager_of([row(500, bio="preheat:mine"), *old])
    assert [job.id for job in driver.find("mine")] == [500]
    assert len(wire.calls) == 1


def test_a_list_without_our_nonce_is_read_to_its_end(wire: Any, driver: DragonflyDriver) -> None:
    """The end is an empty page: the Link header names a next one for ever (list-beyond-end)."""
    wire.answer = manager_of([row(number) for number in range(100, 0, -1)])
    assert driver.find("mine") == []
    assert [call.query["page"] for call in wire.calls] == ["1", "2", "3"]


def test_a_list_that_is_longer_than_we_read_hides_no_job(
    wire: Any, driver: DragonflyDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Absence may be believed only when the list was read to its end: else it is an error."""
    monkeypatch.setattr("preheat.drivers.dragonfly.listing.MAX_PAGES", 2)
    wire.answer = manager_of([row(number) for number in range(101, 0, -1)])
    with pytest.raises(AnswerTooLargeError, match="may be further back"):
        driver.find("n-1")
    assert len(wire.calls) == 2


def test_a_job_that_breaks_the_list_is_stepped_over(wire: Any, driver: DragonflyDriver) -> None:
    """One unknown user_id turns every page with it into a 404 (recorded user-id-unknown-list)."""
    rows = [row(number) for number in range(60, 0, -1)]
    wire.answer = manager_of(rows, broken=[55])
    assert [job.id for job in driver.find("n-5")] == [5]
    assert [job.id for job in driver.find("n-59")] == [59]


def test_a_page_that_is_too_large_is_read_job_by_job(
    wire: Any, driver: DragonflyDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job over 1,000 peers is 5 MB in every list."""
    wire.answer = manager_of([row(number) for number in range(30, 0, -1)])
    monkeypatch.setattr("preheat.transport.MAX_BODY_BYTES", 5000)
    assert [job.id for job in driver.find("n-3")] == [3]


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("db-down-list", RemoteUnavailableError),
        ("auth-scope-cluster-only-get-jobs", RefusedError),
        ("route-unknown-oapi", UnexpectedAnswerError),
        ("oapi-list-clusters", UnexpectedAnswerError),
    ],
)
def test_a_list_that_cannot_be_read_is_no_empty_list(
    wire: Any, driver: DragonflyDriver, replayed: Any, name: str, error: type[Exception]
) -> None:
    """Absence may be believed only when the list was read."""
    wire.answer = lambda _: replayed(name)
    with pytest.raises(error):
        driver.find("mine")


def test_a_recorded_list_page_is_read(wire: Any, driver: DragonflyDriver, replayed: Any) -> None:
    """Rows of a real manager, of other people, with FAILURE results (recorded list-page1-per2)."""
    wire.answer = lambda _: replayed("list-page1-per2")
    assert driver.find("mine") == []


def test_the_link_leads_to_the_console(driver: DragonflyDriver, wire: Any) -> None:
    """The console's route of a preheat job, at the manager unless told otherwise."""
    assert driver.job_url(7) == f"{wire.url}/jobs/preheats/7"
