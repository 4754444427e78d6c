"""A worker and a triggerer in one process: asks for placements, follows their jobs, proves them.

Usage: worker.py LEDGER_URL HARBOR_URL MANAGER_URL CLOCK_FACTOR PLACEMENT_ID...

Each placement has a thread of its own, which calls the very code that the sensor and the trigger
call, and tries again after an error that can pass, as the retry policy does. It starts at the first
line of its input and tells what it did, one line each.
"""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import requests
from pydantic import SecretStr

import preheat.asking
from preheat.asking import ask
from preheat.drivers.base import Timing
from preheat.drivers.dragonfly import DragonflyDriver
from preheat.errors import Cause, LedgerError, PreheatError, RemoteError
from preheat.harbor.client import HarborClient
from preheat.ledger import Ledger, RunRef
from preheat.proving import prove
from preheat.transport import Transport, harden

POST_SECONDS = 3.0
LEASE_MARGIN_SECONDS = 4.0
PAUSE_SECONDS = 0.3
TRY = int(os.environ.get("CRASH_TRY", "1"))
_wait = threading.Event().wait
_telling = threading.Lock()


def say(words: str) -> None:
    """Tell the test."""
    with _telling:
        sys.stdout.write(f"{words}\n")
        sys.stdout.flush()


class Work:
    """What one process needs for one placement.

    :param placement_id: in the ledger.
    """

    def __init__(self, ledger: Ledger, urls: tuple[str, str], factor: float, number: int) -> None:
        self.ledger = ledger
        self.number = number
        harbor, manager = (harden(requests.Session()) for _ in range(2))
        self.harbor = HarborClient(
            Transport(harbor, urls[0], system="Harbor"),
            registry="harbor_default",
            username="robot$preheat",
            secret=SecretStr("preheat-sandbox-robot"),
        )
        self.driver = DragonflyDriver(
            Transport(manager, urls[1], system="Dragonfly"),
            token=SecretStr("preheat-sandbox-token"),
            timing=Timing(factor=factor),
            post_timeout_seconds=POST_SECONDS,
            token_worked=lambda: True,
        )

    def __call__(self) -> None:
        """Bring the placement to a verdict; an error that cannot pass ends the process."""
        while True:
            try:
                verdict = self._warm()
            except (RemoteError, LedgerError) as error:
                if isinstance(error, RemoteError) and error.cause is Cause.PERMANENT:
                    raise
                say(f"trouble {self.number} {type(error).__name__} {' '.join(str(error).split())}")
                _wait(PAUSE_SECONDS)
            else:
                say(f"proved {self.number} {verdict}")
                return

    def _warm(self) -> str:
        placement = self.ledger.placement(self.number)
        attempt = ask(
            self.ledger,
            self.driver,
            placement,
            owner=f"worker {os.getpid()}",
            run=RunRef("crash", "run", "track", self.number, TRY),
            authorize=lambda: self.harbor.pull_authorization([placement.key.repository]),
            wait=_wait,
        )
        say(f"asked {self.number} {attempt.job_id}")
        cluster = placement.settings.scheduler_cluster_id
        job_id = attempt.job_id or 0
        while not attempt.finding:
            job = self.driver.query([job_id], scheduler_cluster_id=cluster)[job_id]
            if job.state.is_terminal:
                followed = self.ledger.followed(attempt.id)
                finding = prove(self.ledger, self.driver, followed, job, self.harbor)
                return str(finding.verdict if finding else None)
            _wait(PAUSE_SECONDS)
        return str(attempt.verdict)


def main(url: str, harbor: str, manager: str, factor: str, *placements: str) -> None:
    """Work until all is proved, then stay until told to end."""
    preheat.asking.LEASE_MARGIN_SECONDS = LEASE_MARGIN_SECONDS
    with Ledger.open(url) as ledger, ThreadPoolExecutor(len(placements)) as pool:
        urls = (harbor, manager)
        works = [Work(ledger, urls, float(factor), int(number)) for number in placements]
        say("ready")
        sys.stdin.readline()
        for done in [pool.submit(work) for work in works]:
            try:
                done.result()
            except PreheatError as error:
                say(f"failed {error}")
        say("done")
        sys.stdin.readline()


main(*sys.argv[1:])
