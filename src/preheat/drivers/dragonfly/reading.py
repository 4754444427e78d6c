"""Turns the manager's rows into jobs and reports that name no vendor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preheat.drivers.base import (
    PEER,
    SEED,
    Job,
    JobState,
    LayerCopy,
    LayerFailure,
    Report,
    Timing,
)
from preheat.drivers.dragonfly.answers import PreheatResult, TaskResult, decode
from preheat.drivers.dragonfly.classify import classify
from preheat.drivers.dragonfly.request import nonce_of
from preheat.errors import Cause, UnexpectedAnswerError
from preheat.transport import redact

if TYPE_CHECKING:
    from preheat.drivers.dragonfly.answers import FailureTask, SuccessTask, TaskPeer
    from preheat.drivers.dragonfly.classify import Meaning
    from preheat.drivers.dragonfly.listing import Listed

__all__ = ["STATES", "UNSHARED_BYTES", "copy_or_failure", "job_of", "peers_of"]

STATES = {
    "PENDING": JobState.RUNNING,
    "RECEIVED": JobState.RUNNING,
    "STARTED": JobState.RUNNING,
    "RETRY": JobState.RUNNING,
    "SUCCESS": JobState.ENDED,
    "FAILURE": JobState.FAILED,
}
"""All states that the manager's list can be filtered by; anything else is an error."""

UNSHARED_BYTES = 4 * 1024 * 1024
"""Blobs up to this size every host fetches from the registry itself (recorded
pull-through-proxy-after-preheat; dragonfly-client: MIN_PIECE_LENGTH)."""

NOT_FINISHED = "The host knows this layer but has not finished it."
_HOST_TYPES = {"super": SEED, "normal": PEER}
_ANOTHER_TYPE = "host of another type"


def job_of(listed: Listed, timing: Timing, scheduler_cluster_id: int | None = None) -> Job:
    """Read a row as a job; the report of a running one is not there yet.

    :param scheduler_cluster_id: leave out what other clusters report.
    :raises UnexpectedAnswerError: a state or a result of another kind than we know.
    """
    row = listed.row
    state = state_of(listed)
    if state is JobState.RUNNING and listed.age_seconds > timing.lost_after:
        state = JobState.LOST
    return Job(
        id=row.id,
        state=state,
        raw_state=row.state,
        created_at=row.created_at,
        age_seconds=listed.age_seconds,
        nonce=nonce_of(row.bio),
        report=_report(listed, scheduler_cluster_id)
        if state in {JobState.ENDED, JobState.FAILED}
        else None,
    )


def state_of(listed: Listed) -> JobState:
    """Translate the manager's word.

    :raises UnexpectedAnswerError: a word we do not know; says which.
    """
    if listed.row.state in STATES:
        return STATES[listed.row.state]
    answer = listed.answer
    raise UnexpectedAnswerError(
        f"{answer.system} answered {answer.request} with job {listed.row.id} in the unknown state "
        f"{listed.row.state[:64]!r}; known are {', '.join(STATES)}.",
        system=answer.system,
        request=answer.request,
        status=answer.status,
        words=listed.row.state[:64],
    )


def peers_of(listed: Listed, scheduler_cluster_id: int) -> list[TaskPeer] | None:
    """Read which hosts know a blob from a ``get_task`` row; None when it could not be asked for."""
    if state_of(listed) is not JobState.ENDED:
        return None
    result = decode(listed.answer, TaskResult, "a get_task result", part=listed.row.result)
    return [
        peer
        for part in result.job_states
        for outcome in part.results or ()
        if outcome.scheduler_cluster_id == scheduler_cluster_id
        for peer in outcome.peers or ()
    ]


def copy_or_failure(url: str, peer: TaskPeer) -> LayerCopy | LayerFailure:
    """Tell a finished copy from one that a host only knows of (recorded get-task-failed-blob).

    A host of a type that we do not know counts for no scope, rather than for each of them.
    """
    host_type = _HOST_TYPES.get(peer.host_type, _ANOTHER_TYPE)
    if peer.is_finished:
        return LayerCopy(_digest(url), url, peer.hostname, peer.ip, host_type)
    return LayerFailure(_digest(url), url, peer.hostname, peer.ip, NOT_FINISHED, host_type)


def _report(listed: Listed, scheduler_cluster_id: int | None) -> Report | None:
    """Read what an ended job reports.

    None when the manager gave up before the job ended (its last look, dragonfly:
    manager/service/job.go pollingJob): nothing is known of the peers then.
    """
    result = decode(listed.answer, PreheatResult, "a preheat result", part=listed.row.result)
    outcomes = [
        outcome
        for task in result.job_states
        for outcome in task.results or ()
        if scheduler_cluster_id in {None, outcome.scheduler_cluster_id}
    ]
    errors = sorted({redact(task.error) for task in result.job_states if task.error})
    if not outcomes and not errors and STATES[listed.row.state] is JobState.FAILED:
        return None
    final = [meaning for meaning in map(_final, errors) if meaning]
    return Report(
        copies=tuple(_copy(task) for outcome in outcomes for task in outcome.success_tasks or ()),
        failures=tuple(
            _failure(task) for outcome in outcomes for task in outcome.failure_tasks or ()
        ),
        error="; ".join(errors),
        unshared_bytes=UNSHARED_BYTES,
        is_final=bool(errors)
        and len(final) == len(errors)
        and not any(meaning.is_of_layer for meaning in final),
        is_refused=any(meaning.is_of_token for meaning in final),
    )


def _copy(task: SuccessTask) -> LayerCopy:
    return LayerCopy(_digest(task.url), task.url, task.hostname, task.ip)


def _failure(task: FailureTask) -> LayerFailure:
    words = redact(task.description)
    meaning = _final(words)
    return LayerFailure(
        _digest(task.url),
        task.url,
        task.hostname,
        task.ip,
        words,
        is_final=meaning is not None and not meaning.is_of_token,
    )


def _final(words: str) -> Meaning | None:
    """Tell what a text means, if asking again would bring it again."""
    meaning = classify(words)
    return meaning if meaning and meaning.cause is Cause.PERMANENT else None


def _digest(url: str) -> str:
    return url.rpartition("/")[2]
