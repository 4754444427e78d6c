"""Serving from threads: on a port that survives a stop, with sockets that can be cut."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from preheat.sandbox.faults import CUT, FaultGate, Faults

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["Server"]

_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
_BACKLOG = 2048


class _CuttableProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which also lets the application close the socket without an answer."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {CUT: {"abort": self.transport.abort}}


class _Uvicorn(uvicorn.Server):
    """Tells when it is ready, so that nobody has to poll."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Go down as a killed process does: whoever waits for an answer sees a broken one."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        for task in list(self.server_state.tasks):
            task.cancel()
        await super().shutdown(sockets)


class Server:
    """One application on one address, in a thread of its own.

    :param port: 0 takes a free one; it stays the same over stop and start.
    :param sends_date: uvicorn writes the ``Date`` header; off for an application that does.
    """

    def __init__(
        self, app: ASGIApp, *, host: str = "127.0.0.1", port: int = 0, sends_date: bool = True
    ) -> None:
        self.faults = Faults()
        self.requests: Counter[str] = Counter()
        """Requests by method and path, such as ``GET /readyz``; control routes left out."""
        self.host = host
        self.port = port
        self._gate = FaultGate(app, self.faults)
        self._sends_date = sends_date
        self._server: _Uvicorn | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Base URL, without a slash at the end."""
        return f"http://{self.host}:{self.port}"

    @property
    def is_running(self) -> bool:
        """Whether it serves right now."""
        return self._thread is not None

    def start(self) -> None:
        """Serve; returns when connections are accepted.

        :raises OSError: if the port is taken.
        :raises RuntimeError: if the server does not come up.
        """
        if self.is_running:
            return
        listener = self._listen()
        server = _Uvicorn(self._config())
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name=f"sandbox-{self.port}"
        )
        thread.daemon = True
        thread.start()
        self._server, self._thread = server, thread
        if not server.ready.wait(_START_SECONDS):
            self.stop()
            raise RuntimeError(f"the sandbox server on {self.url} did not come up")

    def stop(self) -> None:
        """Close the port and every connection; the application's state stays as it is."""
        server, thread = self._server, self._thread
        self._server = self._thread = None
        if server is None or thread is None:
            return
        server.should_exit = True
        thread.join(_STOP_SECONDS)

    def restart(self) -> None:
        """Stop and start on the same port."""
        self.stop()
        self.start()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith("/sandbox/"):
            self.requests[f"{scope['method']} {scope['path']}"] += 1
        with suppress(asyncio.CancelledError):  # only a server that goes down cancels
            await self._gate(scope, receive, send)

    def _listen(self) -> socket.socket:
        # With the protocol named, asyncio switches Nagle off; else each answer waits for 40 ms.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self.host, self.port))
            listener.listen(_BACKLOG)
        except OSError:
            listener.close()
            raise
        self.port = listener.getsockname()[1]
        return listener

    def _config(self) -> uvicorn.Config:
        return uvicorn.Config(
            self._serve,
            http=_CuttableProtocol,
            interface="asgi3",
            loop="asyncio",
            lifespan="off",
            ws="none",
            log_config=None,
            log_level="error",
            access_log=False,
            server_header=False,
            date_header=self._sends_date,
            timeout_keep_alive=60,
            timeout_graceful_shutdown=1,
        )
