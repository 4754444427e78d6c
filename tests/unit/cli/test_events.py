"""``preheat events``: each event with what came of it, and what comes while a person looks."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest

from preheat.cli.eventreading import Wanted, followed
from preheat.event import EventKind, EventSource, HarborEvent
from preheat.ledger import EventOutcome, Handled, Ledger, RunRef
from preheat.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from click.testing import Result

    Preheat = Callable[..., Result]

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
RUN = RunRef("preheat_events", "asset__1")
# A shell gives what it starts in the background an ignored SIGINT, and children inherit that;
# a person's terminal does not.  So the command starts as a person would start it, wherever the
# tests run.
AS_A_PERSON_STARTS_IT = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from preheat.cli import app; app()"
)


@contextmanager
def following(*options: str) -> Iterator[subprocess.Popen[str]]:
    """Follow the events in a process of its own, which is gone afterwards, come what may."""
    command = [sys.executable, "-c", AS_A_PERSON_STARTS_IT, "events", "--follow", *options]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        try:
            yield running
        finally:
            running.kill()


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Name a ledger that is not there yet."""
    return f"sqlite:///{tmp_path / 'preheat.db'}"


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    """Open an empty ledger."""
    with Ledger.open(url) as opened:
        yield opened


def event(delivery: str, **changes: Any) -> HarborEvent:
    """Make up a push, told by a webhook."""
    values: dict[str, Any] = {
        "registry": "harbor_default",
        "source": EventSource.WEBHOOK,
        "kind": EventKind.PUSHED,
        "repository": "web/app",
        "digest": "sha256:" + "1" * 64,
        "tag": "1.0",
        "occurred_at": NOON,
        "type": "PUSH_ARTIFACT",
        **changes,
    }
    return HarborEvent(delivery=delivery, **values)


@pytest.fixture
def told(ledger: Ledger) -> Ledger:
    """Let much happen: one event of each fate."""
    inbox = ledger.inbox
    inbox.receive([
        event("ce:1"),
        event("ce:2", repository="db/main", kind=EventKind.SCANNED),
        event("ce:3", repository="ml/llm", registry="harbor_us", tag=""),
        event("ce:4", kind=EventKind.OTHER, type="PULL_ARTIFACT"),
    ])
    inbox.receive([event("audit:1", source=EventSource.AUDIT), event("ce:1"), event("ce:1")])
    first, second, _ = inbox.recent()
    opens = NOON.replace(hour=20) + timedelta(days=9999)
    outcomes = (EventOutcome("web"), EventOutcome("late", f"waits until {opens:%H:%M}"))
    ledger.record_event_plans(
        [Plan("web", NOON, (), (), partial=True)],
        RUN,
        [
            Handled(first.id, outcomes, postponed={"late": opens}),
            Handled(second.id, words="no policy with events looks at db"),
        ],
    )
    return ledger


def words(text: str) -> str:
    """Put folded text together."""
    return " ".join(text.split())


def test_each_event_has_its_way(preheat: Preheat, told: Ledger, url: str) -> None:
    """How it is known, what it is about, and what came of it, or why nothing did."""
    found = preheat("events", "--ledger", url)

    assert found.exit_code == 0
    assert max(map(len, found.stdout.splitlines())) <= 80
    rows = _rows(found.stdout)
    assert rows[0].startswith("webhook+audit pushed web/app:1.0 web: plan 1 late: waits until")
    assert rows[0].endswith("told 2 times more")
    assert rows[1] == "webhook scanned db/main:1.0 no policy with events looks at db"
    assert re.match(r"webhook pushed ml/llm@sha256:1{12} waits until", rows[2])
    assert rows[3].startswith("deferred pushed web/app:1.0 late waits until 10 Apr 20:00:00")
    assert found.stdout.splitlines()[-1] == "Nothing listens to: PULL_ARTIFACT 1"


def _rows(text: str) -> list[str]:
    """Take a table apart, cell by cell; the first column is a time and is left out."""
    lines = [line for line in text.splitlines() if line.strip() and "─" not in line]
    starts = [m.start() for m in re.finditer(r"received, UTC|told by|what|image", lines[0])][:4]
    starts.append(lines[0].index("what came of it"))
    rows: list[list[str]] = []
    for line in lines[1:-1]:
        ends = [*starts[1:], len(line)]
        cells = [line[a:b].strip() for a, b in zip(starts, ends, strict=True)]
        if cells[0]:
            rows.append(cells)
        else:
            glue = ["", "", "", "", " "]
            rows[-1] = [
                a + (g if b else "") + b for a, g, b in zip(rows[-1], glue, cells, strict=True)
            ]
    return [" ".join(row[1:]) for row in rows]


def test_a_person_may_choose(preheat: Preheat, told: Ledger, url: str) -> None:
    """A Harbor, repositories by glob, and how many."""

    def shown(*options: object) -> list[str]:
        found = preheat("events", "--json", "--ledger", url, *options)
        return [one["repository"] for one in json.loads(found.stdout)["events"]]

    assert shown() == ["web/app", "db/main", "ml/llm", "web/app"]
    assert shown("--repository", "{db,ml}/*") == ["db/main", "ml/llm"]
    assert shown("--repository", "web/app", "--limit", 1) == ["web/app"]
    assert shown("--registry", "harbor_us") == ["ml/llm"]
    assert shown("--limit", 2) == ["ml/llm", "web/app"]


def test_what_is_no_glob_is_refused(preheat: Preheat, ledger: Ledger, url: str) -> None:
    """With the name of the option."""
    found = preheat("events", "--ledger", url, "--repository", "{a")

    assert found.exit_code == 2
    assert "--repository '{a' is no glob" in words(found.stderr)


def test_machines_read_all_of_it(preheat: Preheat, told: Ledger, url: str) -> None:
    """The keys of an event and of a count."""
    data = json.loads(preheat("events", "--json", "--ledger", url).stdout)

    first = data["events"][0]
    assert first["sources"] == ["webhook", "audit"]
    assert first["outcomes"][0] == {"policy": "web", "words": "", "plan_id": 1}
    assert (first["occurred_at"], first["repeats"]) == ("2026-11-24T12:00:00+00:00", 2)
    assert (first["dag_id"], first["run_id"]) == ("preheat_events", "asset__1")
    assert data["events"][2]["handled_at"] is None
    (ignored,) = data["ignored"]
    assert (ignored["registry"], ignored["type"], ignored["count"]) == (
        "harbor_default",
        "PULL_ARTIFACT",
        1,
    )


def test_what_others_wrote_cannot_act_on_a_terminal(
    preheat: Preheat, ledger: Ledger, url: str
) -> None:
    """Names come from whoever may push, or knows the token."""
    ledger.inbox.receive([
        event("ce:1", tag="\x1b[2J[red]gone", repository="web/a\nb"),
        event("ce:2", kind=EventKind.OTHER, type="[bold]\x07"),
    ])

    for more in ((), ("--json",)):
        found = preheat("events", "--ledger", url, *more)
        assert found.exit_code == 0
        assert "\x1b" not in found.stdout
        assert "\x07" not in found.stdout
    assert "[red]gone" in words(preheat("events", "--ledger", url).stdout)


def test_an_empty_inbox_says_so(preheat: Preheat, ledger: Ledger, url: str) -> None:
    """Rather than nothing."""
    assert preheat("events", "--ledger", url).stdout == "No event was received, or none of these.\n"


def test_a_ledger_that_is_not_there_is_named(
    preheat: Preheat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading makes none; and it is told where it was looked for."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.delenv("AIRFLOW__PREHEAT__LEDGER_URL", raising=False)

    found = preheat("events")

    assert (found.exit_code, found.stdout) == (2, "")
    assert f"{tmp_path}/preheat.db is at revision none" in found.stderr
    assert "or --ledger" in found.stderr
    assert not (tmp_path / "preheat.db").exists()


def test_what_comes_is_shown_and_once_more_when_it_is_taken_up(ledger: Ledger) -> None:
    """What is not wanted is passed over; what went meanwhile is let go."""
    inbox = ledger.inbox
    inbox.receive([event("ce:1"), event("ce:2", repository="db/main")])
    first, second = inbox.recent()

    def looks() -> Iterator[None]:
        inbox.receive([event(f"ce:{n}", tag=str(n)) for n in range(3, 1503)])
        inbox.receive([event("ce:x", repository="db/main")])
        yield
        ledger.record_event_plans([], RUN, [Handled(first.id), Handled(second.id)])
        yield
        inbox.receive([event("ce:last")])
        yield

    look = looks()
    shown = followed(inbox, Wanted.of("", "web/*", 10), lambda: next(look))

    seen = [(one.event.delivery, one.handled_at is not None) for one in islice(shown, 1503)]

    assert seen == [
        ("ce:1", False),
        *((f"ce:{n}", False) for n in range(3, 1503)),
        ("ce:1", True),
        ("ce:last", False),
    ]


def test_following_ends_with_a_key(ledger: Ledger, url: str) -> None:
    """A line for each event at once, and Ctrl-C is the way to go: no error, no trace."""
    ledger.inbox.receive([event("ce:1")])
    with following("--ledger", url) as running:
        assert running.stdout is not None
        line = running.stdout.readline()
        assert words(line).endswith("webhook pushed web/app:1.0: waits")
        ledger.inbox.receive([event("ce:2", tag="2.0")])
        assert "web/app:2.0" in running.stdout.readline()
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=30)
    assert (running.returncode, out, err) == (0, "", "")


def test_machines_may_follow(ledger: Ledger, url: str) -> None:
    """Each line is an object of its own."""
    ledger.inbox.receive([event("ce:1"), event("ce:2", tag="2.0")])
    with following("--json", "--ledger", url) as running:
        assert running.stdout is not None
        tags = [json.loads(running.stdout.readline())["tag"] for _ in range(2)]
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=30)
    assert (tags, running.returncode) == (["1.0", "2.0"], 0)
