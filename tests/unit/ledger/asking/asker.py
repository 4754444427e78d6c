"""A worker in a process of its own: asks for a placement once told to go, and tells its job.

Usage: asker.py LEDGER_URL MANAGER_URL PLACEMENT_ID (run|stop-before-post)
"""

from __future__ import annotations

import sys
from threading import Event

import requests
from pydantic import SecretStr

from preheat.asking import ask
from preheat.drivers.base import Timing
from preheat.drivers.dragonfly import DragonflyDriver
from preheat.ledger import Ledger, RunRef
from preheat.transport import Transport, harden


def say(word: str) -> None:
    """Tell the test."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def main(url: str, manager_url: str, placement_id: str, mode: str) -> None:
    """Ask, and then stay until killed or told to end."""
    driver = DragonflyDriver(
        Transport(harden(requests.Session()), manager_url, system="Dragonfly"),
        token=SecretStr("token"),
        timing=Timing(factor=0.1),
        post_timeout_seconds=2,
    )

    def authorize() -> None:
        if mode == "stop-before-post":
            say("opened")
            sys.stdin.readline()

    with Ledger.open(url) as ledger:
        placement = ledger.placement(int(placement_id))
        say("ready")
        sys.stdin.readline()
        attempt = ask(
            ledger,
            driver,
            placement,
            owner="asker",
            run=RunRef("preheat__web", "manual__1"),
            authorize=authorize,
            wait=Event().wait,
        )
        say(f"job {attempt.job_id} of attempt {attempt.id}")
        sys.stdin.readline()


main(*sys.argv[1:])
