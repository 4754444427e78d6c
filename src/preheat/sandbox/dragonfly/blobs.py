"""How a simulated peer downloads: the identity of a task, and real requests to the registry."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import requests

from preheat.sandbox.outgoing import new_session

__all__ = ["DEFAULT_FILTER", "PIECE_BYTES", "BlobTask", "Origin", "PeerError"]

PIECE_BYTES = 4 * 1024 * 1024
"""Blobs up to this size never go through P2P (dragonfly client 1.4.2: MIN_PIECE_LENGTH)."""

DEFAULT_FILTER = (
    "X-Amz-Algorithm&X-Amz-Credential&X-Amz-Date&X-Amz-Expires&X-Amz-SignedHeaders"
    "&X-Amz-Signature&X-Amz-Security-Token&X-Amz-User-Agent&X-Goog-Algorithm&X-Goog-Credential"
    "&X-Goog-Date&X-Goog-Expires&X-Goog-SignedHeaders&X-Goog-Signature&OSSAccessKeyId&Expires"
    "&Signature&SecurityToken&AccessKeyId&Signature&Expires&X-Obs-Date&X-Obs-Security-Token"
    "&q-sign-algorithm&q-ak&q-sign-time&q-key-time&q-header-list&q-url-param-list&q-signature"
    "&x-cos-security-token&ns"
)
_DIGEST = re.compile(r"/blobs/sha256:([0-9a-f]{64})$")
_TIMEOUT = (5, 60)


class PeerError(Exception):
    """A peer could not do what it was asked; carries the gRPC words a scheduler would report."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(f"rpc error: code = {code} desc = {words}")


@dataclass(frozen=True)
class BlobTask:
    """One download as Dragonfly names it: tag, application and piece length are in its id.

    :param headers: what the job asks to send to the origin, credential included.
    """

    url: str
    tag: str = ""
    application: str = ""
    piece_length: int | None = None
    filtered_query_params: str = DEFAULT_FILTER
    headers: dict[str, str] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def id(self) -> str:
        """Task id (dragonfly: pkg/idgen/task_id.go, TaskIDV2ByURLBased)."""
        parts = urlsplit(self.url)
        dropped = set(self.filtered_query_params.split("&"))
        query = sorted(
            pair
            for pair in parse_qsl(parts.query, keep_blank_values=True)
            if pair[0] not in dropped
        )
        url = urlunsplit(parts._replace(query=urlencode(query)))
        length = "" if self.piece_length is None else str(self.piece_length)
        words = f"{url}{self.tag}{self.application}{length}STANDARD"
        return hashlib.sha256(words.encode()).hexdigest()

    @property
    def digest(self) -> str:
        """SHA-256 that the bytes must have, or nothing for a plain file."""
        found = _DIGEST.search(urlsplit(self.url).path)
        return found[1] if found else ""


class Origin:
    """The way from peers to the registry: truly asks for every byte, and looks at it.

    :param session: shared by all peers; keeps connections alive.
    """

    def __init__(self) -> None:
        self._session = new_session()

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()

    def probe(self, task: BlobTask, ip: str) -> int:
        """Ask for one byte, as dfdaemon does before any download, to learn the size.

        :raises PeerError: with the registry's status, or because it cannot be reached.
        """
        answer = self._get(task, ip, "bytes=0-0")
        total = answer.headers.get("Content-Range", "").rpartition("/")[2]
        return int(total) if total.isdigit() else len(answer.content)

    def download(self, task: BlobTask, ip: str, size: int) -> None:
        """Fetch all bytes in pieces and check their digest.

        :raises PeerError: if the registry refuses or the bytes are not the right ones.
        """
        seen = hashlib.sha256()
        received = 0
        while received < size or (size == 0 and received == 0):
            last = min(received + PIECE_BYTES, size) - 1
            answer = self._get(task, ip, f"bytes={received}-{last}" if size else "")
            seen.update(answer.content)
            received += len(answer.content)
            if answer.status_code == HTTPStatus.OK or not answer.content:
                break
        if received != size or (task.digest and seen.hexdigest() != task.digest):
            raise PeerError("Internal", f"digest mismatch: {received} of {size} bytes received")

    def _get(self, task: BlobTask, ip: str, bytes_range: str) -> requests.Response:
        headers = {
            "Accept-Encoding": "identity",
            **task.headers,
            "User-Agent": f"dragonfly-peer/{ip}",
        }
        if bytes_range:
            headers["Range"] = bytes_range
        try:
            answer = self._session.get(task.url, headers=headers, timeout=_TIMEOUT)
        except (requests.RequestException, ValueError) as error:
            words = f"backend error: error sending request for url ({task.url})"
            raise PeerError("Internal", words) from error
        if not answer.ok:
            words = f"backend error: {answer.status_code} {HTTPStatus(answer.status_code).phrase}"
            raise PeerError("Internal", words)
        return answer
