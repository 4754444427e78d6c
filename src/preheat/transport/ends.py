"""How calls end without an answer: given up on, or broken before or after they were sent."""

from __future__ import annotations

import ssl
import threading
from contextlib import suppress
from traceback import walk_tb
from typing import TYPE_CHECKING

from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, SSLError

if TYPE_CHECKING:
    import requests

__all__ = ["Call", "Hanging", "root_of", "was_never_sent"]


class Call:
    """One exchange that its caller may give up on: its connection then serves nobody else.

    :param request: method and path, for messages.
    :param most_bytes: how long a 2xx answer may be.
    """

    def __init__(self, request: str, most_bytes: int) -> None:
        self.request = request
        self.most_bytes = most_bytes
        self._lock = threading.Lock()
        self._response: requests.Response | None = None
        self._is_given_up = False

    def is_wanted(self, response: requests.Response) -> bool:
        """Tell whether anybody still waits for the body of this response."""
        with self._lock:
            self._response = response
            return not self._is_given_up

    def give_up(self) -> None:
        """End the reading, now or, where the answer has not begun, as soon as it does."""
        with self._lock:
            self._is_given_up = True
            if self._response is not None:
                with suppress(RuntimeError, ValueError, OSError):  # it was just read to its end
                    self._response.raw.shutdown()


class Hanging:
    """Counts the calls that were given up on and still wait for the head of their answer.

    Nothing ends those but the other side, or its silence: each holds a thread and a connection.

    :param most: how many are borne.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()

    def add(self, thread: threading.Thread) -> None:
        """Count the call that runs in this thread, until it ends."""
        with self._lock:
            self._threads.add(thread)

    def are_too_many(self) -> bool:
        """Tell whether another call would be one too many."""
        with self._lock:
            self._threads = {thread for thread in self._threads if thread.is_alive()}
            return len(self._threads) >= self._most


def was_never_sent(root: object) -> bool:
    """Tell whether the connection failed before any request could go over it.

    urllib3 wraps what goes wrong in a handshake and what goes wrong later alike (its
    connectionpool.urlopen), so that the traceback must tell: with TLS 1.3 even the refusal of a
    client comes after the request was sent.
    """
    if not isinstance(root, SSLError):
        return isinstance(root, NewConnectionError | ConnectTimeoutError)
    inner = root.args[0] if root.args else None
    if isinstance(inner, ssl.SSLCertVerificationError):
        return True
    frames = walk_tb(inner.__traceback__) if isinstance(inner, Exception) else ()
    return any(frame.f_code.co_name == "do_handshake" for frame, _ in frames)


def root_of(error: Exception) -> object:
    """Find the urllib3 error below: it tells whether the connection ever stood."""
    inner = error.args[0] if error.args else error
    return getattr(inner, "reason", inner)
