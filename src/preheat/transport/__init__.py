"""The one way Preheat talks HTTP: ``requests`` sessions, made safe, with typed errors.

Sessions keep no cookies (Harbor: a stored ``sid`` turns later writes into 403,
src/server/middleware/csrf), follow no redirects (Dragonfly answers 301 to ``/`` for any unknown
path, manager/router/router.go), ignore netrc and proxies' credentials, read a bounded body, and
verify TLS unless the connection says otherwise. Every exchange ends in time, however slowly its
answer drips.
"""

from __future__ import annotations

import re
import threading
from concurrent.futures import Future
from http import HTTPStatus
from http.client import HTTPException
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

import requests
from urllib3.exceptions import HTTPError, SSLError

from preheat.errors import (
    AnswerTooLargeError,
    NotFoundError,
    RateLimitedError,
    RefusedError,
    RemoteError,
    RemoteUnavailableError,
    UnexpectedAnswerError,
)
from preheat.transport.answer import Answer
from preheat.transport.ends import Call, Hanging, root_of, was_never_sent
from preheat.transport.observing import unobserved
from preheat.transport.retryafter import retry_after_of
from preheat.transport.words import READ_LENGTH, redact

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from requests.auth import AuthBase

    from preheat.transport.observing import Observer

__all__ = ["Answer", "Transport", "harden", "redact"]

MAX_BODY_BYTES = 64 * 1024 * 1024
MAX_ERROR_BYTES = 64 * 1024
MAX_HANGING = 16
_DIGITS = 19
_OBJECT = re.compile(
    r"^<?[\w.]+(?:\(host=[^)]*\)| object at 0x\w+>)[:,] "
)  # urllib3 names its objects


def harden(session: requests.Session) -> requests.Session:
    """Make a session safe: no cookies, no netrc, no proxy surprises, no redirects.

    ``requests`` reads a redirect's body to its end, however long, even if it is not to follow it.
    """
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.trust_env = False
    session.get_redirect_target = _no_target  # type: ignore[assignment,method-assign]
    return session


def _no_target(_: requests.Response) -> None:
    """Know no place that a redirect leads to."""


class Transport:
    """Requests to one base URL, as one caller.

    :param session: a session made safe by :func:`harden`.
    :param base_url: scheme, host and optional path, no trailing slash.
    :param system: the name that messages use, ``Harbor`` or ``Dragonfly``.
    :param connect_timeout: seconds for the connection.
    :param read_timeout: seconds between bytes.
    :param total_timeout: seconds for a whole exchange.
    :param verify: False, True or the path of a CA file.
    :param observer: is told of each exchange.
    """

    def __init__(
        self,
        session: requests.Session,
        base_url: str,
        *,
        system: str,
        connect_timeout: float = 10.0,
        read_timeout: float = 60.0,
        total_timeout: float = 300.0,
        verify: bool | str = True,
        observer: Observer = unobserved,
    ) -> None:
        self.session = session
        self.base_url = base_url.rstrip("/")
        self.system = system
        self.timeouts = (connect_timeout, read_timeout)
        self.total_timeout = total_timeout
        self.verify = verify
        self._observer = observer
        self._hanging = Hanging(MAX_HANGING)

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
        most_bytes: int | None = None,
    ) -> Answer:
        """Send one request and return its answer, whatever its status.

        :param within: seconds for all of it, instead of ``total_timeout``: a read time-out only
            bounds the silence between two bytes.
        :param most_bytes: how long a 2xx answer may be, instead of ``MAX_BODY_BYTES``.
        :raises RemoteUnavailableError: no answer; ``sent`` tells whether the request may have had
            an effect.
        :raises AnswerTooLargeError: a 2xx answer that is longer.
        """
        call = Call(f"{method} {path}", most_bytes or MAX_BODY_BYTES)
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
        if self._hanging.are_too_many():
            raise RemoteUnavailableError(
                f"{self.system} at {self.base_url} left {MAX_HANGING} requests without an end: "
                f"{call.request} was not sent.",
                system=self.system,
                request=call.request,
                sent=False,
            )
        with self._observer(method) as answered:
            answer = self._in_time(
                call,
                within or self.total_timeout,
                lambda: self._exchange(call, method, path, options),
            )
            answered(answer.status)
            return answer

    def _in_time(self, call: Call, within: float, exchange: Callable[[], Answer]) -> Answer:
        """Run an exchange, and give up on it when its time is over."""
        outcome: Future[Answer] = Future()

        def run() -> None:
            try:
                outcome.set_result(exchange())
            except BaseException as error:  # noqa: BLE001  # carried over to the caller's thread
                outcome.set_exception(error)

        thread = threading.Thread(target=run, name=f"preheat {call.request}", daemon=True)
        thread.start()
        try:
            return outcome.result(within)
        except TimeoutError:
            call.give_up()
            self._hanging.add(thread)
            raise RemoteUnavailableError(
                f"{self.system} did not answer {call.request} within {within:g} s.",
                system=self.system,
                request=call.request,
            ) from None

    def _exchange(self, call: Call, method: str, path: str, options: Mapping[str, Any]) -> Answer:
        request = call.request
        try:
            with self.session.request(method, self.base_url + path, **options) as response:
                # A response that is not read to its end takes its connection along when it closes.
                body = self._read(response, call) if call.is_wanted(response) else b""
                return Answer(self.system, request, response.status_code, response.headers, body)
        except (requests.RequestException, HTTPException, HTTPError, ValueError) as error:
            # Not all that a broken answer raises below is wrapped on its way here.
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
        words = redact(words or answer.body[:READ_LENGTH].decode("utf-8", "replace").strip())
        told = f"{self.system} answered {answer.request} with {answer.status}"
        told = ". ".join(part for part in (": ".join(filter(None, (told, words))), advice) if part)
        about: dict[str, Any] = {
            "system": self.system,
            "request": answer.request,
            "status": answer.status,
            "words": words,
        }
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            wait = retry_after_of(answer.headers)
            return RateLimitedError(told, retry_after_seconds=wait, **about)
        if (
            answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR
            or answer.status == HTTPStatus.REQUEST_TIMEOUT
        ):
            wait = retry_after_of(answer.headers)
            return RemoteUnavailableError(told, retry_after_seconds=wait, **about)
        if answer.status < HTTPStatus.BAD_REQUEST:
            return UnexpectedAnswerError(f"{told} (redirects are not followed)", **about)
        kind = NotFoundError if answer.status == HTTPStatus.NOT_FOUND else RefusedError
        return kind(told, **about)

    def _read(self, response: requests.Response, call: Call) -> bytes:
        """Read the body; of an error only its beginning, which holds all the words there are."""
        is_error = response.status_code >= HTTPStatus.MULTIPLE_CHOICES
        most = MAX_ERROR_BYTES if is_error else call.most_bytes
        told = response.headers.get("Content-Length", "")
        size = int(told) if told.isascii() and told.isdigit() and len(told) < _DIGITS else 0
        chunks: list[bytes] = []
        if size <= most or is_error:
            size = 0
            try:
                for chunk in response.iter_content(min(most + 1, 256 * 1024)):
                    size += len(chunk)
                    chunks.append(chunk)
                    if size > most:
                        break
            except BaseException:
                chunks.clear()  # its traceback holds this frame
                raise
        if size > most and not is_error:
            chunks.clear()
            raise AnswerTooLargeError(
                f"{self.system} answered {call.request} with more than {most} bytes",
                system=self.system,
                request=call.request,
                status=response.status_code,
            )
        return b"".join(chunks)[:most]

    def _unavailable(self, error: Exception, request: str) -> RemoteUnavailableError:
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
