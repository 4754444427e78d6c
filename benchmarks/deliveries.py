"""Deliveries of many Harbors, sent when they are due and not when the last one was answered."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Planned", "Tally", "plan", "send"]

_PATIENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Planned:
    """One delivery, and when it is due.

    :param harbor: number of the Harbor, which has a connection of its own.
    :param at: seconds from the start.
    :param is_repeat: whether the same was told before.
    """

    harbor: int
    at: float
    content_type: str
    body: bytes
    is_repeat: bool


@dataclass
class Tally:
    """What the answers said.

    :ivar latencies: seconds from when each was due.
    :ivar statuses: how often each came; 0 for no answer.
    """

    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    received: int = 0
    repeated: int = 0

    def take(self, status: int, body: bytes, seconds: float) -> None:
        """Count an answer."""
        self.latencies.append(seconds)
        self.statuses[status] += 1
        if status == 202:  # noqa: PLR2004
            told = json.loads(body)
            self.received += told["received"]
            self.repeated += told["repeated"]


def plan(harbors: int, a_second: int, seconds: int, repeats: float) -> list[Planned]:
    """Plan deliveries at even distances, by turns of both formats; the same ones each time.

    :param repeats: share of them that repeats an earlier one of the same Harbor.
    """
    chance = random.Random(20)  # noqa: S311 - the same each time
    count = a_second * seconds
    again = set(chance.sample(range(harbors, count), int(count * repeats)))
    told: dict[int, list[tuple[str, bytes]]] = {}
    planned = []
    for number in range(count):
        harbor = number % harbors
        before = told.setdefault(harbor, [])
        if number in again:
            content_type, body = chance.choice(before)
        else:
            content_type, body = _default(number) if number % 2 else _cloud_event(number)
            before.append((content_type, body))
        planned.append(Planned(harbor, number / a_second, content_type, body, number in again))
    return planned


def _data(number: int) -> dict[str, object]:
    digest = f"sha256:{number:064x}"
    name = f"team/app-{number % 97}"
    resource = {"digest": digest, "tag": f"v{number}", "resource_url": f"h/bench/{name}:v{number}"}
    repository = {"date_created": 1795492876, "name": name, "namespace": "bench"}
    whole = {"repo_full_name": f"bench/{name}", "repo_type": "private"}
    return {"resources": [resource], "repository": repository | whole}


def _default(number: int) -> tuple[str, bytes]:
    """Write one as Harbor does (recorded: webhook-push-artifact)."""
    body = {"type": "PUSH_ARTIFACT", "occur_at": 1795492876 + number, "operator": "robot$ci"}
    return "application/json", json.dumps(body | {"event_data": _data(number)}).encode()


def _cloud_event(number: int) -> tuple[str, bytes]:
    body = {
        "specversion": "1.0",
        "id": f"73e800da-99ed-4dc6-bb10-{number:012d}",
        "source": "/projects/4/webhook/policies/2",
        "type": "harbor.artifact.pushed",
        "datacontenttype": "application/json",
        "time": f"2026-11-24T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}Z",
        "data": _data(number),
        "operator": "robot$ci",
        "requestid": "07ddc180-2f35-45f3-82d1-27b1581125d8",
    }
    return "application/cloudevents+json", json.dumps(body).encode()


def send(port: int, paths: Sequence[str], secrets: Sequence[str], planned: list[Planned]) -> Tally:
    """Send them all, those of a Harbor one after the other on one TCP connection.

    :param paths: of each Harbor's webhook.
    :param secrets: what each Harbor sends as ``Authorization``.
    """
    return asyncio.run(_send(port, paths, secrets, planned))


async def _send(
    port: int, paths: Sequence[str], secrets: Sequence[str], planned: list[Planned]
) -> Tally:
    tally = Tally()
    loop = asyncio.get_running_loop()
    start = loop.time() + 0.5

    async def one_harbor(number: int) -> None:
        line = _Line(port, paths[number], secrets[number])
        for delivery in planned:
            if delivery.harbor != number:
                continue
            due = start + delivery.at
            await asyncio.sleep(max(0.0, due - loop.time()))
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    status, body = await line.post(delivery)
            except (OSError, TimeoutError, asyncio.IncompleteReadError):
                line = _Line(port, paths[number], secrets[number])
                status, body = 0, b""
            tally.take(status, body, loop.time() - due)
        await line.close()

    await asyncio.gather(*(one_harbor(number) for number in range(len(paths))))
    return tally


class _Line:
    """One TCP connection to one webhook; the least that can send and hear."""

    def __init__(self, port: int, path: str, secret: str) -> None:
        self._port = port
        self._head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: {secret}\r\n"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, delivery: Planned) -> tuple[int, bytes]:
        """Send one delivery; gives status and body of the answer."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        length = f"Content-Length: {len(delivery.body)}\r\n"
        head = f"{self._head}Content-Type: {delivery.content_type}\r\n{length}\r\n"
        writer.write(head.encode() + delivery.body)
        await writer.drain()
        answer = (await reader.readuntil(b"\r\n\r\n")).lower()
        told = answer.partition(b"content-length:")[2].split(b"\r\n")[0]
        return int(answer.split()[1]), await reader.readexactly(int(told))

    async def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
