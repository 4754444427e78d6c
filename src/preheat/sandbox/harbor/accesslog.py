"""The registry's access log: who asked for what, so that warm and cold can be looked at."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Access", "AccessLog"]

KEPT = 200_000


@dataclass(frozen=True, slots=True)
class Access:
    """One request and its answer.

    :param peer: address of the simulated Dragonfly peer, from ``User-Agent: dragonfly-peer/<ip>``.
    :param authorization: ``none``, ``basic``, ``bearer`` or ``other``; never the secret.
    :param sent: bytes of the body that were handed to the network.
    """

    time: str
    method: str
    path: str
    query: str
    status: int
    client: str
    peer: str
    user_agent: str
    authorization: str
    account: str
    range: str
    sent: int

    def to_json(self) -> dict[str, Any]:
        """Say it as JSON."""
        return asdict(self)


class AccessLog:
    """The last requests, oldest first."""

    def __init__(self) -> None:
        self._entries: deque[Access] = deque(maxlen=KEPT)

    def add(self, access: Access) -> None:
        """Note one request."""
        self._entries.append(access)

    def clear(self) -> None:
        """Forget all."""
        self._entries.clear()

    def __iter__(self) -> Iterator[Access]:
        return iter(tuple(self._entries))

    def __len__(self) -> int:
        return len(self._entries)
