"""Faults by order: the next answers of a server replaced, delayed, or cut off mid-air.

Works for any ASGI application. ``POST /sandbox/faults`` takes what :class:`Fault` says,
``GET`` shows what is left of each, ``DELETE`` clears them. Control routes know no faults.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from typing import TYPE_CHECKING, Any, Literal

from fastapi import FastAPI, Response
from pydantic import BaseModel, ConfigDict, Field, field_validator

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["CUT", "Fault", "FaultGate", "Faults", "Match"]

CUT = "preheat.sandbox.cut"
"""Key of the ASGI extension that closes the connection's socket at once."""

_PATH = "/sandbox/faults"
_RELEASE_SECONDS = 0.01


class Match(BaseModel):
    """Which requests are meant; all that is given must fit.

    :param path: regular expression, found anywhere in the path.
    :param headers: regular expressions by header name (``User-Agent`` names the peer).
    """

    model_config = ConfigDict(extra="forbid")

    method: str | None = None
    path: str | None = None
    headers: dict[str, str] = Field(default_factory=dict)

    @field_validator("path")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        try:
            re.compile(pattern or "")
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return pattern

    def fits(self, scope: Scope) -> bool:
        """Tell whether a request is meant."""
        if self.method is not None and self.method.upper() != scope["method"]:
            return False
        if self.path is not None and not re.search(self.path, scope["path"]):
            return False
        sent = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
        return all(
            re.search(pattern, sent.get(name.lower(), "")) for name, pattern in self.headers.items()
        )


class Fault(BaseModel):
    """What befalls the next matching requests.

    :param times: how many of them; ``null`` means all until cleared.
    :param skip: how many pass unharmed first.
    :param status: answer this instead of calling the handler; without it (and without ``drop``)
        the handler answers after the delay.
    :param body: a text, or anything else to be sent as JSON.
    :param drop: close the socket ``before`` the handler runs, or ``after`` it ran to its end; the
        client sees a broken connection either way and cannot know which.
    :param hold: keep the request ``before`` the handler runs, or the answer ``after`` it ran, until
        the orders are cleared: whatever is killed meanwhile dies at a known point.
    :param held: how many it kept so far; told, not ordered.
    """

    model_config = ConfigDict(extra="forbid")

    match: Match = Field(default_factory=Match)
    times: int | None = Field(default=1, ge=1)
    skip: int = Field(default=0, ge=0)
    status: int | None = Field(default=None, ge=100, le=599)
    body: Any = ""
    headers: dict[str, str] = Field(default_factory=dict)
    delay_seconds: float = Field(default=0, ge=0)
    drop: Literal["before", "after"] | None = None
    hold: Literal["before", "after"] | None = None
    held: int = 0

    def answer(self) -> Response:
        """Build the answer that stands in for the handler's."""
        body = self.body if isinstance(self.body, str) else json.dumps(self.body)
        kind = "text/plain" if isinstance(self.body, str) else "application/json"
        return Response(body, self.status or 200, headers={"Content-Type": kind, **self.headers})


class Faults:
    """The orders of one server, oldest first; each request takes at most one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: list[Fault] = []

    def add(self, fault: Fault | None = None, **fields: Any) -> Fault:
        """Order a fault, as an object or by its fields."""
        order = (fault or Fault(**fields)).model_copy(update={"held": 0}, deep=True)
        with self._lock:
            self._left.append(order)
        return order

    def clear(self) -> None:
        """Take back every order."""
        with self._lock:
            self._left.clear()

    def left(self) -> list[Fault]:
        """Show the orders that still wait for requests, or hold some."""
        with self._lock:
            return [fault.model_copy(deep=True) for fault in self._left]

    def take(self, scope: Scope) -> Fault | None:
        """Use up one time of the first order that fits."""
        with self._lock:
            for fault in self._left:
                if fault.times == 0 or not fault.match.fits(scope):
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                if fault.times is not None:
                    fault.times -= 1
                if fault.hold is not None:
                    fault.held += 1  # stays listed: clearing it is what lets go
                elif fault.times == 0:
                    self._left.remove(fault)
                return fault
        return None

    async def wait_for_release(self, fault: Fault) -> None:
        """Wait until an order that holds is cleared, from whatever thread."""
        while any(order is fault for order in list(self._left)):  # noqa: ASYNC110 - any thread clears
            await asyncio.sleep(_RELEASE_SECONDS)


class FaultGate:
    """Stands before an application, serves the control routes of faults and does the damage."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults
        self._control = _control_app(faults)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, harmed or not."""
        if scope["type"] != "http" or scope["path"].startswith("/sandbox/"):
            target = self._control if scope.get("path", "").rstrip("/") == _PATH else self._app
            await target(scope, receive, send)
            return
        fault = self._faults.take(scope)
        if fault is None:
            await self._app(scope, receive, send)
        else:
            await self._harm(fault, scope, receive, send)

    async def _harm(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(fault.delay_seconds)
        if fault.hold == "before":
            await self._faults.wait_for_release(fault)
        if fault.drop == "after":
            await self._app(scope, receive, _swallow)
        if fault.drop is not None:
            await _cut(scope, receive)
        elif fault.status is not None:
            await fault.answer()(scope, receive, send)
        elif fault.hold == "after":
            await self._hold_answer(fault, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _hold_answer(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        await self._app(scope, receive, keep)
        await self._faults.wait_for_release(fault)
        for message in answer:
            await send(message)


async def _swallow(_: Message) -> None:
    """Lose what the handler answers."""


async def _cut(scope: Scope, receive: Receive) -> None:
    cut = scope.get("extensions", {}).get(CUT, {}).get("abort")
    if cut is None:
        raise RuntimeError("this server cannot cut connections: run it with preheat.sandbox.server")
    cut()
    while (await receive())["type"] != "http.disconnect":
        pass


def _control_app(faults: Faults) -> FastAPI:
    app = FastAPI(openapi_url=None)

    @app.post(_PATH, status_code=201)
    async def add(fault: Fault) -> Fault:
        return faults.add(fault)

    @app.get(_PATH)
    async def left() -> list[Fault]:
        return faults.left()

    @app.delete(_PATH, status_code=204)
    async def clear() -> None:
        faults.clear()

    return app
