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

__all__ = ["Call", "root_of", "was_never_sent"]


class Call:
    """One exchange that its caller may give up on: its connection then serves nobody else.

    :param request: method and path, for messages.
    """

    def __init__(self, request: str) -> None:
        self.request = request
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


def root_of(error: requests.RequestException) -> object:
    """Find the urllib3 error below: it tells whether the connection ever stood."""
    inner = error.args[0] if error.args else error
    return getattr(inner, "reason", inner)
