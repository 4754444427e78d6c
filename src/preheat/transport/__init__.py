"""The one way Preheat talks HTTP: ``requests`` sessions, made safe, with typed errors.

Sessions keep no cookies (Harbor: a stored ``sid`` turns later writes into 403,
src/server/middleware/csrf), follow no redirects (Dragonfly answers 301 to ``/`` for any unknown
path, manager/router/router.go), ignore netrc and proxies' credentials, always time out, read a
bounded body, and verify TLS unless the connection says otherwise.
"""

from __future__ import annotations

import json
import re
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

import requests
from urllib3.exceptions import SSLError

from preheat.errors import (
    AnswerTooLargeError,
    NotFoundError,
    RateLimitedError,
    RefusedError,
    RemoteError,
    RemoteUnavailableError,
    UnexpectedAnswerError,
)
from preheat.transport.ends import Call, root_of, was_never_sent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from requests.auth import AuthBase

__all__ = ["Answer", "Transport", "harden"]

MAX_BODY_BYTES = 64 * 1024 * 1024
WORDS_LENGTH = 500
_OBJECT = re.compile(
    r"^<?[\w.]+(?:\(host=[^)]*\)| object at 0x\w+>)[:,] "
)  # urllib3 names its objects
_SECRETS = re.compile(
    r"(?i)((?:bearer|basic)\s+)(?!(?:auth|realm)\b)[\w.~+/=-]+"  # a header's value
    r"|(//)[^/@\s:]+:[^/@\s]+@"  # credentials inside a URL
    r"|eyJ[\w-]{8,}[\w.-]*"  # a JWT, perhaps cut
)


def harden(session: requests.Session) -> requests.Session:
    """Make a session safe: no cookies, no netrc, no proxy surprises."""
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.trust_env = False
    return session


def redact(text: str) -> str:
    """Take credentials out of another system's words and cut them to a readable length."""
    clean = _SECRETS.sub(lambda match: f"{match[1] or match[2] or ''}***", text)
    return clean if len(clean) <= WORDS_LENGTH else f"{clean[:WORDS_LENGTH]}…"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with its whole body read.

    :param request: method and path, for messages.
    """

    system: str
    request: str
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """Decode the body.

        :raises UnexpectedAnswerError: if it is not JSON; says what was received.
        """
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise self.unexpected("JSON") from error

    def unexpected(self, wanted: str) -> UnexpectedAnswerError:
        """Build the error for an answer that is not what the contract says."""
        shown = redact(self.body[:200].decode("utf-8", "replace")) or "an empty body"
        return UnexpectedAnswerError(
            f"{self.system} answered {self.request} with something else than {wanted}: {shown}",
            system=self.system,
            request=self.request,
            status=self.status,
            words=shown,
        )


class Transport:
    """Requests to one base URL, as one caller.

    :param session: a session made safe by :func:`harden`.
    :param base_url: scheme, host and optional path, no trailing slash.
    :param system: the name that messages use, ``Harbor`` or ``Dragonfly``.
    :param connect_timeout: seconds for the connection.
    :param read_timeout: seconds between bytes.
    :param verify: False, True or the path of a CA file.
    """

    def __init__(
        self,
        session: requests.Session,
        base_url: str,
        *,
        system: str,
        connect_timeout: float = 10.0,
        read_timeout: float = 60.0,
        verify: bool | str = True,
    ) -> None:
        self.session = session
        self.base_url = base_url.rstrip("/")
        self.system = system
        self.timeouts = (connect_timeout, read_timeout)
        self.verify = verify

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | Sequence[tuple[str, str]] | None = None,
        json_body: object = None,
        headers: Mapping[str, str] | None = None,
        auth: AuthBase | tuple[str, str] | None = None,
        within: float | None = None,
    ) -> Answer:
        """Send one request and return its answer, whatever its status.

        :param within: seconds for all of it, however slowly the answer drips: a read time-out only
            bounds the silence between two bytes. None leaves it at that.
        :raises RemoteUnavailableError: no answer; ``sent`` tells whether the request may have had
            an effect.
        """
        call = Call(f"{method} {path}")
        options = {
            "params": params,
            "json": json_body,
            "headers": headers,
            "auth": auth,
            "timeout": (self.timeouts[0], within or self.timeouts[1]),
            "verify": self.verify,
            "allow_redirects": False,
            "stream": True,
        }
        if within is None:
            return self._exchange(call, method, self.base_url + path, options)
        outcome: Future[Answer] = Future()

        def run() -> None:
            try:
                outcome.set_result(self._exchange(call, method, self.base_url + path, options))
            except BaseException as error:  # noqa: BLE001  # carried over to the caller's thread
                outcome.set_exception(error)

        threading.Thread(target=run, name=f"preheat {call.request}", daemon=True).start()
        try:
            return outcome.result(within)
        except TimeoutError:
            call.give_up()
            raise RemoteUnavailableError(
                f"{self.system} did not answer {call.request} within {within:g} s.",
                system=self.system,
                request=call.request,
            ) from None

    def _exchange(self, call: Call, method: str, url: str, options: Mapping[str, Any]) -> Answer:
        request = call.request
        try:
            with self.session.request(method, url, **options) as response:
                # A response that is not read to its end takes its connection along when it closes.
                body = self._read(response, request) if call.is_wanted(response) else b""
                return Answer(self.system, request, response.status_code, response.headers, body)
        except requests.RequestException as error:
            raise self._unavailable(error, request) from None

    def call(self, method: str, path: str, **options: Any) -> Answer:
        """Send one request and return its 2xx answer.

        :raises RemoteError: the narrowest kind for any other answer.
        """
        answer = self.send(method, path, **options)
        if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            return answer
        raise self.error_of(answer)

    def error_of(self, answer: Answer, *, words: str = "", advice: str = "") -> RemoteError:
        """Build the typed error for an answer that is not 2xx.

        :param words: what the other side said, from a caller that reads its errors; else the body.
        :param advice: what a person should do, ends the message.
        """
        words = redact(words or answer.body.decode("utf-8", "replace").strip())
        told = f"{self.system} answered {answer.request} with {answer.status}"
        told = ". ".join(part for part in (": ".join(filter(None, (told, words))), advice) if part)
        about: dict[str, Any] = {
            "system": self.system,
            "request": answer.request,
            "status": answer.status,
            "words": words,
        }
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            return RateLimitedError(told, retry_after_seconds=_retry_after(answer.headers), **about)
        if (
            answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
            or answer.status == HTTPStatus.REQUEST_TIMEOUT
        ):
            return RemoteUnavailableError(told, **about)
        if answer.status < HTTPStatus.BAD_REQUEST:
            return UnexpectedAnswerError(f"{told} (redirects are not followed)", **about)
        kind = NotFoundError if answer.status == HTTPStatus.NOT_FOUND else RefusedError
        return kind(told, **about)

    def _read(self, response: requests.Response, request: str) -> bytes:
        chunks: list[bytes] = []
        size = 0
        for chunk in response.iter_content(256 * 1024):
            size += len(chunk)
            if size > MAX_BODY_BYTES:
                raise AnswerTooLargeError(
                    f"{self.system} answered {request} with more than {MAX_BODY_BYTES} bytes",
                    system=self.system,
                    request=request,
                    status=response.status_code,
                )
            chunks.append(chunk)
        return b"".join(chunks)

    def _unavailable(
        self, error: requests.RequestException, request: str
    ) -> RemoteUnavailableError:
        root = root_of(error)
        never_sent = was_never_sent(root)
        words = redact(_OBJECT.sub("", str(root))) or type(error).__name__
        advice = "check the address, and that it is up"
        if not never_sent:
            advice = "it may have arrived" if request.startswith("POST") else "try again later"
        if isinstance(root, SSLError) and never_sent:
            advice = "check the certificate and the connection's CA file"
        return RemoteUnavailableError(
            f"{self.system} at {self.base_url} did not answer {request}: {words} ({advice})",
            system=self.system,
            request=request,
            words=words,
            sent=not never_sent,
        )


def _retry_after(headers: Mapping[str, str]) -> float | None:
    value = headers.get("Retry-After", "")
    return float(value) if value.isdigit() else None
