"""What Harbor does around every request: cookie, CSRF, request id, access log, raw paths."""

from __future__ import annotations

import re
import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from preheat.sandbox.harbor.accesslog import Access
from preheat.sandbox.harbor.accounts import read_basic
from preheat.sandbox.harbor.errors import HarborError, bad_request, forbidden

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from preheat.sandbox.harbor.state import HarborState

__all__ = ["REQUEST_ID", "Edge", "error_body"]

REQUEST_ID = "preheat.sandbox.request_id"
"""Key of the scope under which the routes find the request's id."""
_PEER = re.compile(r"dragonfly-peer/(\S+)")
_READS = {"GET", "HEAD", "OPTIONS", "TRACE"}


def error_body(error: HarborError) -> bytes:
    """Write an error as Harbor does."""
    return msgspec.json.encode({"errors": [{"code": error.code, "message": error.message}]}) + b"\n"


class Edge:
    """ASGI layer around the routes; leaves ``/sandbox`` alone.

    :param app: the routes.
    :param state: whose access log is written.
    """

    def __init__(self, app: ASGIApp, state: HarborState) -> None:
        self.app = app
        self.state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one request through."""
        if scope["type"] != "http" or scope["path"].startswith("/sandbox"):
            await self.app(scope, receive, send)
            return
        exchange = _Exchange(scope, send)
        try:
            refusal = exchange.refusal()
            if refusal is not None:
                await exchange.refuse(refusal)
                return
            scope = {**scope, REQUEST_ID: exchange.request_id}
            if scope["path"].startswith("/api/"):
                # Harbor decodes a path value twice but never sees a raw slash inside one:
                # routes match the path as it was sent (recorded: repository-single-encoded-once).
                scope = {**scope, "path": exchange.raw_path}
            await self.app(scope, receive, exchange.send)
        finally:
            self.state.requests.add(exchange.access(self.state.now().isoformat()))


class _Exchange:
    """One request and its answer on their way through the edge."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._status = 0
        self._sent = 0
        self.headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        self.request_id = self.headers.get("x-request-id") or str(uuid.uuid4())
        self.raw_path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
        self.raw_path = self.raw_path.partition("?")[0]
        self._query = scope.get("query_string", b"").decode("latin-1")

    def refusal(self) -> HarborError | None:
        """Say why the request gets no further (recorded: projects-q-semicolon, csrf-post-…)."""
        if ";" in self._query:
            return bad_request("invalid semicolon separator in query")
        cookie = self.headers.get("cookie", "")
        if self._scope["method"] in _READS or not re.search(r"(?:^|;\s*)sid=", cookie):
            return None
        found = "x-harbor-csrf-token" in self.headers
        return forbidden(f"CSRF token {'invalid' if found else 'not found in request'}")

    async def refuse(self, error: HarborError) -> None:
        """Answer without asking the routes; such answers set no cookie."""
        body = error_body(error)
        headers = [
            (b"content-type", b"application/json; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
        ]
        if error.status == HTTPStatus.FORBIDDEN:
            headers.append((b"x-request-id", self.request_id.encode("latin-1")))
        self._status, self._sent = error.status, len(body)
        await self._send({
            "type": "http.response.start",
            "status": error.status,
            "headers": headers,
        })
        await self._send({"type": "http.response.body", "body": body})

    async def send(self, message: Message) -> None:
        """Pass the answer on, with Harbor's headers."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            extra = [
                (b"x-request-id", self.request_id.encode("latin-1")),
                (b"set-cookie", f"sid={uuid.uuid4().hex}; Path=/; HttpOnly".encode()),
            ]
            own: Iterable[tuple[bytes, bytes]] = message.get("headers", ())
            message = {**message, "headers": [*own, *extra]}
        elif message["type"] == "http.response.body" and self._scope["method"] != "HEAD":
            self._sent += len(message.get("body", b""))
        await self._send(message)

    def access(self, time: str) -> Access:
        """Describe the exchange for the access log."""
        agent = self.headers.get("user-agent", "")
        peer = _PEER.match(agent)
        authorization = self.headers.get("authorization", "")
        basic = read_basic(authorization)
        scheme = authorization.partition(" ")[0].lower()
        client: tuple[str, Any] = self._scope.get("client") or ("", 0)
        return Access(
            time=time,
            method=self._scope["method"],
            path=self.raw_path,
            query=self._query,
            status=self._status,
            client=client[0],
            peer=peer[1] if peer else "",
            user_agent=agent,
            authorization=(scheme if scheme in {"basic", "bearer"} else "other")
            if authorization
            else "none",
            account=basic[0] if basic else "",
            range=self.headers.get("range", ""),
            sent=self._sent,
        )
