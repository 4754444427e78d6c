"""Following hundreds of jobs together: how many requests, when, and who hears what."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
import requests
from pydantic import SecretStr

from preheat.drivers.base import Job, JobState, Timing
from preheat.drivers.dragonfly import DragonflyDriver
from preheat.errors import RefusedError, RemoteError, UnexpectedAnswerError
from preheat.following import Follower
from preheat.transport import Transport, harden

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

FACTOR = 0.02
RESULT = {
    "state": "SUCCESS",
    "job_states": [
        {
            "state": "SUCCESS",
            "error": "",
            "results": [{"scheduler_cluster_id": 1, "failure_tasks": None, "success_tasks": []}],
        }
    ],
}


def row(number: int, state: str = "SUCCESS", **changes: Any) -> dict[str, Any]:
    """Build a job, 40 s old by the clock of the test's manager."""
    return {
        "id": number,
        "created_at": "2026-11-24T04:29:20Z",
        "type": "preheat",
        "state": state,
        "bio": f"preheat:n-{number}",
        "args": {},
        "result": RESULT if state == "SUCCESS" else None,
        **changes,
    }


def listing(rows: Sequence[dict[str, Any]]) -> Callable[[Any], tuple[int, str, dict[str, str]]]:
    """Answer like a manager with these jobs, newest first."""

    def answer(call: Any) -> tuple[int, str, dict[str, str]]:
        if call.path != "/oapi/v1/jobs":
            number = int(call.path.rpartition("/")[2])
            found = [item for item in rows if item["id"] == number]
            return (200, json.dumps(found[0]), {}) if found else (404, '{"message":"no"}', {})
        page, size = int(call.query["page"]), int(call.query["per_page"])
        state = call.query.get("state")
        kept = [item for item in rows if state in {None, item["state"]}]
        return 200, json.dumps(kept[(page - 1) * size : page * size]), {}

    return answer


@pytest.fixture
def quick(wire: Any) -> Iterator[DragonflyDriver]:
    """Give a driver whose manager's seconds last a fiftieth."""
    with harden(requests.Session()) as session:
        yield DragonflyDriver(
            Transport(session, wire.url, system="Dragonfly"),
            token=SecretStr("t"),
            timing=Timing(FACTOR),
        )


def followed(
    driver: DragonflyDriver, jobs: Sequence[int], **options: Any
) -> list[Job | BaseException]:
    """Follow jobs in one loop, all by one follower."""

    async def connect() -> DragonflyDriver:
        return driver

    async def run() -> list[Job | BaseException]:
        follower = Follower(connect)
        waits = [follower.follow(job, 1, **options) for job in jobs]
        async with asyncio.timeout(20):
            return await asyncio.gather(*waits, return_exceptions=True)

    return asyncio.run(run())


def test_a_thousand_jobs_cost_a_page_for_fifty(wire: Any, quick: DragonflyDriver) -> None:
    """At most (pages of 50) a look, and no path with an id, each of which stays in its metrics."""
    wire.answer = listing([row(number) for number in range(1000, 0, -1)])
    jobs = followed(quick, range(1, 1001))
    assert {job.state for job in jobs if isinstance(job, Job)} == {JobState.ENDED}
    assert len(jobs) == 1000
    assert len(wire.calls) == 20
    assert {call.path for call in wire.calls} == {"/oapi/v1/jobs"}


def test_nobody_is_asked_before_the_first_look(wire: Any, quick: DragonflyDriver) -> None:
    """Before 30 s a row shows nothing but PENDING (recorded: create -> SUCCESS visible)."""
    wire.answer = listing([row(7)])
    began = time.monotonic()
    followed(quick, [7], age_seconds=1 * FACTOR)
    assert time.monotonic() - began >= 30 * FACTOR
    assert len(wire.calls) == 1


@pytest.mark.parametrize("age", [None, 50 * FACTOR, 4000.0])
def test_a_job_that_may_have_ended_is_looked_at_at_once(
    wire: Any, quick: DragonflyDriver, age: float | None
) -> None:
    """The triggerer was away, or somebody else's job is joined."""
    wire.answer = listing([row(7)])
    began = time.monotonic()
    followed(quick, [7], age_seconds=age)
    assert time.monotonic() - began < 25 * FACTOR


def test_a_running_job_is_looked_at_again_after_the_next_look(
    wire: Any, quick: DragonflyDriver
) -> None:
    """At 40 s of age the next look is that at 90 s; in between nothing can change."""
    rows = [row(7, "PENDING", created_at="2026-11-24T04:29:59.2Z")]
    wire.answer = listing(rows)

    async def connect() -> DragonflyDriver:
        return quick

    async def run() -> float:
        began = time.monotonic()
        wait = asyncio.create_task(Follower(connect).follow(7, 1))
        await asyncio.sleep(0.4)
        rows[0] = row(7)
        await wait
        return time.monotonic() - began

    # The row is 0.8 s old, 40 s of this manager's; its look at 90 s comes after one second more.
    assert 0.9 <= asyncio.run(run()) <= 2.5
    assert len(wire.calls) == 2


def test_a_silent_manager_is_asked_by_one_and_told_to_all_once(
    wire: Any, quick: DragonflyDriver
) -> None:
    """An outage delays the end and loses nothing."""
    answers = iter([(503, "away", {}), (503, "away", {}), (302, "", {"Location": "/"})])
    whole = listing([row(number) for number in range(60, 0, -1)])
    wire.answer = lambda call: next(answers, None) or whole(call)
    told: list[str] = []
    jobs = followed(quick, range(1, 61), tell=lambda error: told.append(str(error)))
    assert all(isinstance(job, Job) for job in jobs)
    assert len(wire.calls) == 3 + 2
    assert len(told) == 2 * 60
    assert {"503" in words or "302" in words for words in told} == {True}


def test_retry_after_is_honoured(wire: Any, quick: DragonflyDriver) -> None:
    """Whoever says how long is not asked before."""
    answers = iter([(429, "slow", {"Retry-After": "1"})])
    whole = listing([row(7)])
    wire.answer = lambda call: next(answers, None) or whole(call)
    began = time.monotonic()
    followed(quick, [7])
    assert time.monotonic() - began >= 1


def test_a_row_that_breaks_the_contract_harms_no_other_job(
    wire: Any, quick: DragonflyDriver
) -> None:
    """Its own waiter hears what was received."""
    rows = [row(number) for number in range(10, 0, -1)]
    rows[2] = row(8, "PAUSED")
    rows[4]["created_at"] = "yesterday"
    rows[5]["result"] = {"state": 1}
    wire.answer = listing(rows)
    jobs = dict(zip(range(1, 11), followed(quick, range(1, 11)), strict=True))
    broken = {number for number, job in jobs.items() if isinstance(job, UnexpectedAnswerError)}
    assert broken == {8, 6, 5}
    assert "unknown state 'PAUSED'" in str(jobs[8])


def test_a_refusal_ends_the_wait_of_all(wire: Any, quick: DragonflyDriver, replayed: Any) -> None:
    """No waiting gives a token its scope (recorded auth-scope-cluster-only-get-jobs)."""
    wire.answer = lambda _: replayed("auth-scope-cluster-only-get-jobs")
    ends = followed(quick, range(1, 101))
    assert {type(end) for end in ends} == {RefusedError}
    assert len(wire.calls) == 1


def test_rows_that_vanished_are_expired_and_asked_for_in_portions(
    wire: Any, quick: DragonflyDriver
) -> None:
    """Rows are deleted after 6 to 9 hours; a 404 of each id alone says so."""
    wire.answer = listing([row(500)])
    jobs = followed(quick, range(1, 121))
    assert {job.state for job in jobs if isinstance(job, Job)} == {JobState.EXPIRED}
    assert len(jobs) == 120


def test_who_leaves_is_not_looked_for(wire: Any, quick: DragonflyDriver) -> None:
    """A task that was cleared cancels its trigger; the follower rests when nobody is left."""
    wire.answer = listing([row(7, "PENDING")])

    async def connect() -> DragonflyDriver:
        return quick

    async def run() -> None:
        follower = Follower(connect)
        wait = asyncio.create_task(follower.follow(7, 1, age_seconds=0.0))
        await asyncio.sleep(0.05)
        wait.cancel()
        await asyncio.gather(wait, return_exceptions=True)
        await asyncio.sleep(40 * FACTOR)

    asyncio.run(run())
    assert wire.calls == []


def test_a_bug_is_told_to_whoever_waits(quick: DragonflyDriver) -> None:
    """Nobody waits for ever because the follower fell over."""
    connections = iter([quick, quick])

    async def connect() -> DragonflyDriver:
        return next(connections)  # StopIteration becomes RuntimeError in a coroutine

    async def run() -> None:
        follower = Follower(connect)
        waits = [follower.follow(number, 1) for number in (1, 2)]
        async with asyncio.timeout(5):
            ends = await asyncio.gather(*waits, return_exceptions=True)
        assert {type(end) for end in ends} == {RuntimeError}

    asyncio.run(run())


def long_result(copies: int) -> dict[str, Any]:
    """Report so many copies, about 200 bytes each."""
    copy = {"url": f"http://r/v2/a/blobs/sha256:{'a' * 64}", "hostname": "h" * 40, "ip": "10.0.0.1"}
    outcome = {"scheduler_cluster_id": 1, "failure_tasks": [], "success_tasks": [copy] * copies}
    return {
        "state": "SUCCESS",
        "job_states": [{"state": "SUCCESS", "error": "", "results": [outcome]}],
    }


def test_a_long_report_is_left_for_whoever_judges(wire: Any, quick: DragonflyDriver) -> None:
    """A thousand reports of megabytes, read at one look, would fill the memory."""
    rows = [row(number) for number in range(8, 0, -1)]
    rows[0]["result"] = long_result(1000)
    wire.answer = listing(rows)
    jobs = quick.look(dict.fromkeys(range(1, 9), 1))
    assert [jobs[number].report is None for number in (8, 7)] == [True, False]
    assert jobs[8].state is JobState.ENDED
    whole = quick.query([8], scheduler_cluster_id=1)[8]
    assert len(whole.report.copies) == 1000


def test_where_pages_are_too_long_those_that_run_are_listed(
    wire: Any, quick: DragonflyDriver
) -> None:
    """Fifty jobs over 1,000 peers are a page of 250 MB; pending ones have no result."""
    rows = [row(number, "SUCCESS" if number % 2 else "PENDING") for number in range(60, 0, -1)]
    for item in rows:
        item["result"] = long_result(4000) if item["state"] == "SUCCESS" else None
    wire.answer = listing(rows)
    for _ in range(2):
        jobs = quick.look(dict.fromkeys(range(1, 61), 1))
        states = {number: job.state for number, job in jobs.items() if isinstance(job, Job)}
        assert {states[number] for number in range(2, 61, 2)} == {JobState.RUNNING}
        assert {states[number] for number in range(1, 60, 2)} == {JobState.ENDED}
    asked = [call.query.get("state") for call in wire.calls]
    assert asked == [None, "PENDING", "PENDING"]


@pytest.mark.parametrize("answer", [(500, '{"message":"row"}', {}), (200, "<html>", {})])
def test_a_page_that_cannot_be_answered_holds_no_other_job(
    wire: Any, quick: DragonflyDriver, answer: tuple[int, str, dict[str, str]]
) -> None:
    """A row that breaks its page: after two failures the pending ones are listed instead."""
    whole = listing([row(1, "PENDING"), *[row(number) for number in range(9, 1, -1)]])
    wire.answer = lambda call: (
        answer if call.path.endswith("/jobs") and "state" not in call.query else whole(call)
    )
    wanted = dict.fromkeys(range(1, 9), 1)
    with pytest.raises(RemoteError):
        quick.look(wanted)
    for _ in range(2):
        seen = quick.look(wanted)
        states = {number: job.state for number, job in seen.items() if isinstance(job, Job)}
        assert states.pop(1) is JobState.RUNNING
        assert set(states.values()) == {JobState.ENDED}
    assert [call.query.get("state") for call in wire.calls] == [None, None, "PENDING", "PENDING"]


@pytest.mark.parametrize("broken", [1, 2, 3])
@pytest.mark.parametrize("answer", [(500, '{"message":"row"}', {}), (200, "<html>", {})])
def test_an_id_that_cannot_be_answered_holds_no_other_job(
    wire: Any, quick: DragonflyDriver, broken: int, answer: tuple[int, str, dict[str, str]]
) -> None:
    """It is looked at again; the others have their jobs."""
    whole = listing([row(number) for number in range(3, 0, -1)])
    wire.answer = lambda call: answer if call.path.endswith(f"/{broken}") else whole(call)
    assert set(quick.look(dict.fromkeys([1, 2, 3], 1))) == {1, 2, 3} - {broken}


def test_a_manager_that_answers_no_id_is_not_asked_for_all(
    wire: Any, quick: DragonflyDriver
) -> None:
    """An outage is told from a bad row by the second one."""
    wire.answer = lambda _: (503, "away", {})
    with pytest.raises(RemoteError):
        quick.look(dict.fromkeys([1, 2, 3, 4], 1))
    assert len(wire.calls) == 2


def test_an_answer_of_megabytes_does_not_hold_the_loop(wire: Any, quick: DragonflyDriver) -> None:
    """All other triggers of the triggerer live in the same loop."""
    rows = [row(number, result=long_result(1500)) for number in range(48, 0, -1)]
    body = json.dumps(rows)
    assert len(body) > 10_000_000
    wire.answer = lambda _: (200, body, {})

    async def connect() -> DragonflyDriver:
        return quick

    async def run() -> float:
        follower = Follower(connect)
        wait = asyncio.gather(*(follower.follow(number, 1) for number in range(1, 49)))
        longest = 0.0
        while not wait.done():
            before = time.monotonic()
            await asyncio.sleep(0.005)
            longest = max(longest, time.monotonic() - before)
        await wait
        return longest

    assert asyncio.run(run()) < 0.5


def test_errors_of_one_follower_do_not_grow_with_those_who_wait(
    wire: Any, quick: DragonflyDriver, replayed: Any
) -> None:
    """One error object serves all: its traceback must not remember each of them."""
    wire.answer = lambda _: replayed("auth-scope-cluster-only-get-jobs")
    (error, *_) = followed(quick, range(1, 301))
    assert isinstance(error, RemoteError)
    depth, frame = 0, error.__traceback__
    while frame is not None:
        depth, frame = depth + 1, frame.tb_next
    assert depth < 10
