"""What the manager does for each job type (dragonfly: manager/service/job.go)."""

from __future__ import annotations

import logging
import threading
import uuid
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from preheat.sandbox.dragonfly.blobs import BlobTask
from preheat.sandbox.dragonfly.defaults import fill_defaults
from preheat.sandbox.dragonfly.jobs import LOOKS, ClusterTask, Job, Outcome
from preheat.sandbox.dragonfly.preheating import Order, Preheating
from preheat.sandbox.dragonfly.registry import ImageRequest, RegistryError, Resolved
from preheat.sandbox.dragonfly.store import BIO_LENGTH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from preheat.sandbox.dragonfly.clusters import Cluster
    from preheat.sandbox.dragonfly.state import DragonflyState
    from preheat.sandbox.dragonfly.validation import Envelope

__all__ = ["JobService", "ServiceError", "blob_task", "resolve"]

_log = logging.getLogger(__name__)
_NANOSECONDS = 1e9


class ServiceError(Exception):
    """Anything the service answers with 500; the text is the whole message."""


class JobService:
    """Creates jobs and hands their work to the schedulers' threads."""

    def __init__(self, state: DragonflyState) -> None:
        self._state = state
        self._seed_jobs = 0
        self._lock = threading.Lock()

    def create_preheat(self, envelope: Envelope) -> Job:
        """Resolve the image, queue the work, store the row.

        :raises ServiceError: in the manager's words. With a too long ``bio`` the work runs
            nevertheless, without a row (measured on v2.5.1).
        """
        args = fill_defaults("preheat", envelope.args)
        clusters = self._candidates(envelope.scheduler_cluster_ids, "candidate")
        tasks = self._blob_tasks(args)
        if self._state.redis_is_down:
            raise ServiceError("dial tcp 10.77.0.1:6379: connect: connection refused")
        return self._launch(
            envelope,
            args,
            clusters,
            lambda cluster, task: self._preheat(cluster, task, args, tasks),
        )

    def create_task_job(self, envelope: Envelope, *, looks: Sequence[float] = LOOKS) -> Job:
        """Ask all hosts for a task, or delete it from those the scheduler knows.

        :raises ServiceError: if no scheduler is there to ask.
        """
        args = fill_defaults(envelope.type, envelope.args)
        clusters = self._candidates(envelope.scheduler_cluster_ids, "active")
        task_id = args["task_id"] or ""
        if args["url"]:
            task_id = blob_task(args["url"], args, {}).id
        work = _find_task if envelope.type == "get_task" else _delete_task
        return self._launch(
            envelope, args, clusters, lambda cluster, _: work(cluster, task_id), looks=looks
        )

    def _candidates(self, ids: Sequence[int], kind: str) -> list[Cluster]:
        known = self._state.clusters
        chosen = [known[i] for i in ids if i in known] if ids else list(known.values())
        up = [cluster for cluster in chosen if cluster.scheduler_is_up]
        if not up:
            raise ServiceError(f"{kind} schedulers not found")
        return up

    def _blob_tasks(self, args: dict[str, Any]) -> tuple[BlobTask, ...]:
        if args["type"] == "image":
            found = resolve(self._state, args)
            return tuple(blob_task(url, args, found.headers) for url in found.urls)
        if args["type"] != "file":
            raise ServiceError("unknown preheat type")
        urls = [*(args["urls"] or []), *([args["url"]] if args["url"] else [])]
        if not urls:
            raise ServiceError("invalid params: url or urls is required")
        return tuple(blob_task(url, args, args["headers"] or {}) for url in urls)

    def _launch(
        self,
        envelope: Envelope,
        args: dict[str, Any],
        clusters: Sequence[Cluster],
        work: Callable[[Cluster, ClusterTask], Outcome],
        *,
        looks: Sequence[float] = LOOKS,
    ) -> Job:
        group = f"group_{uuid.uuid4()}"
        tasks = [ClusterTask(cluster.id, f"task_{uuid.uuid4()}", group) for cluster in clusters]
        job: Job | None = None
        if len(envelope.bio) <= BIO_LENGTH:
            job = self._insert(envelope, args, clusters, tasks, looks)
        for cluster, task in zip(clusters, tasks, strict=True):
            self._state.work(partial(self._run, cluster, task, work))
        if job is None:
            raise ServiceError("Internal Server Error")
        return job

    def _insert(
        self,
        envelope: Envelope,
        args: dict[str, Any],
        clusters: Sequence[Cluster],
        tasks: list[ClusterTask],
        looks: Sequence[float],
    ) -> Job:
        clock = self._state.clock
        unique = {cluster.id: cluster for cluster in clusters}
        return self._state.jobs.insert(
            lambda job_id: Job(
                id=job_id,
                type=envelope.type,
                bio=envelope.bio,
                args=args,
                user_id=envelope.user_id,
                group_uuid=tasks[0].group_uuid,
                created=clock.now(),
                born=clock.monotonic(),
                looks=tuple(clock.real(look) for look in looks),
                tasks=tasks,
                clusters=[cluster.nested_row() for cluster in unique.values()],
            )
        )

    def _run(
        self, cluster: Cluster, task: ClusterTask, work: Callable[[Cluster, ClusterTask], Outcome]
    ) -> None:
        task.started = self._state.clock.monotonic()
        try:
            outcome = work(cluster, task)
        except Exception as error:  # noqa: BLE001 - or a defect leaves the row pending for ever
            _log.exception("the work of %s broke", task.uuid)
            outcome = Outcome(error=f"sandbox defect: {error!r}")
        task.finish(outcome, self._state.clock.monotonic())

    def _preheat(
        self, cluster: Cluster, task: ClusterTask, args: dict[str, Any], tasks: tuple[BlobTask, ...]
    ) -> Outcome:
        clock = self._state.clock
        with self._seed_job(args["scope"]) as is_too_much:
            order = Order(
                cluster_id=cluster.id,
                scheduler_ip=cluster.scheduler_ip,
                group_uuid=task.group_uuid,
                task_uuid=task.uuid,
                tasks=tasks,
                scope=args["scope"],
                ips=tuple(args["ips"]) if args["ips"] else None,
                count=args["count"],
                percentage=args["percentage"],
                deadline=clock.monotonic() + clock.real(args["timeout"] / _NANOSECONDS),
                lanes=args["concurrent_task_count"],
                loses_layers=is_too_much,
            )
            return Preheating(cluster.swarm, self._state.downloads).run(order)

    @contextmanager
    def _seed_job(self, scope: str) -> Iterator[bool]:
        """Count single-seed jobs at work; tell whether this one is more than a seed can take."""
        if scope in {"all_peers", "all_seed_peers"}:
            yield False
            return
        capacity = self._state.settings.seed_capacity
        with self._lock:
            self._seed_jobs += 1
            is_too_much = capacity is not None and self._seed_jobs > capacity
        try:
            yield is_too_much
        finally:
            with self._lock:
                self._seed_jobs -= 1


def resolve(state: DragonflyState, args: dict[str, Any]) -> Resolved:
    """Resolve the image that a job's arguments name.

    :raises ServiceError: in the manager's words.
    """
    if not args["url"]:
        raise ServiceError("invalid params: url is required")
    request = ImageRequest(
        url=args["url"],
        platform=args["platform"],
        headers=args["headers"] or {},
        username=args["username"],
        password=args["password"],
    )
    try:
        return state.resolver.resolve(request)
    except RegistryError as error:
        raise ServiceError(str(error)) from error


def blob_task(url: str, args: dict[str, Any], headers: dict[str, str]) -> BlobTask:
    """Name one download by the arguments that enter its task id."""
    return BlobTask(
        url,
        tag=args["tag"],
        application=args["application"],
        piece_length=args["piece_length"],
        filtered_query_params=args["filtered_query_params"],
        headers=headers,
    )


def _find_task(cluster: Cluster, task_id: str) -> Outcome:
    peers = [
        {
            "IsFinished": copy.complete,
            "created_at": peer.announced,
            "host_type": str(peer.kind),
            "hostname": peer.hostname,
            "id": peer.host_id,
            "ip": peer.ip,
            "updated_at": peer.announced,
        }
        for peer in cluster.swarm.peers
        if peer.state.is_running and (copy := peer.copies.get(task_id)) is not None
    ]
    return Outcome({"peers": peers, "scheduler_cluster_id": cluster.id})


def _delete_task(cluster: Cluster, task_id: str) -> Outcome:
    gone = [
        {"host_type": str(peer.kind), "hostname": peer.hostname, "ip": peer.ip}
        for peer in cluster.swarm.peers
        if peer.state.is_running and peer.forget(task_id)
    ]
    result = {
        "failure_tasks": [] if gone else None,
        "scheduler_cluster_id": cluster.id,
        "success_tasks": gone or None,
    }
    return Outcome(result)
