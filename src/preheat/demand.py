"""What a run wants shown before it calls a placement warm: how it is proved, and on how many hosts.

Two runs may want different things of one placement. What was seen is written down once; each run
judges it by its own demand.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["Demand", "MinHosts", "VerifyMode"]

_MIN_HOSTS = re.compile(r"([0-9]{1,5})(%?)")
_WHOLE = 100
MAX_HOSTS = 10_000


class VerifyMode(StrEnum):
    """How warmth is proved."""

    LAYERS = "layers"
    PEERS = "peers"

    def suffices_for(self, wanted: VerifyMode) -> bool:
        """Whether a proof of this kind is one of the wanted kind: peers that were asked always."""
        return self is VerifyMode.PEERS or wanted is VerifyMode.LAYERS


@dataclass(frozen=True, slots=True)
class MinHosts:
    """How many of the hosts in scope must hold every layer.

    :param percent: 1 to 100, of the hosts in scope, rounded up.
    :param count: so many, in place of a percentage.
    """

    percent: int = _WHOLE
    count: int | None = None

    def __str__(self) -> str:
        """Write it as policies do: ``95%`` or ``3``."""
        return f"{self.percent}%" if self.count is None else str(self.count)

    @classmethod
    def parse(cls, text: str) -> MinHosts:
        """Read what ``str`` wrote.

        :raises ValueError: for any other text.
        """
        found = _MIN_HOSTS.fullmatch(text)
        number = int(found[1]) if found else 0
        most = _WHOLE if found and found[2] else MAX_HOSTS
        if found is None or not 1 <= number <= most:
            raise ValueError(
                f"{text!r} is no number of hosts; write a percentage of the hosts in scope, from 1%"
                f" to 100%, or a whole number from 1 to {MAX_HOSTS}"
            )
        return cls(percent=number) if found[2] else cls(count=number)

    def wanted_of(self, hosts: int) -> int:
        """Tell how many of so many hosts must hold every layer."""
        return -(-hosts * self.percent // _WHOLE) if self.count is None else self.count


@dataclass(frozen=True, slots=True)
class Demand:
    """What must be shown before a placement counts as warm."""

    mode: VerifyMode = VerifyMode.LAYERS
    min_hosts: MinHosts = field(default_factory=MinHosts)

    def __str__(self) -> str:
        """Write it on one line, for the ledger and for tasks: ``peers 95%``."""
        return f"{self.mode} {self.min_hosts}"

    @classmethod
    def parse(cls, text: str) -> Demand:
        """Read what ``str`` wrote; "" is what is demanded where nobody says anything.

        :raises ValueError: for any other text.
        """
        if not text:
            return cls()
        mode, _, hosts = text.partition(" ")
        return cls(VerifyMode(mode), MinHosts.parse(hosts))
