"""What the stand-in can remember when its process ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from preheat.sandbox.dragonfly import DragonflyState
from preheat.sandbox.dragonfly.blobs import BlobTask
from preheat.sandbox.dragonfly.memory import recall, remember
from preheat.sandbox.dragonfly.peers import Copy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

URL = "http://registry.example/v2/library/app/blobs/sha256:" + "a" * 64


@pytest.fixture
def state() -> Iterator[DragonflyState]:
    """Make a fresh world."""
    fresh = DragonflyState()
    yield fresh
    fresh.close()


def test_peers_hold_what_they_held(tmp_path: Path, state: DragonflyState) -> None:
    """Complete copies and used ids outlive the process, broken copies and job rows do not."""
    file = tmp_path / "sandbox.json"
    whole, broken = BlobTask(URL), BlobTask(URL, tag="broken")
    before = DragonflyState()
    peer = before.peer("10.77.0.11")
    peer.copies[whole.id] = Copy(whole, complete=True, size=7)
    peer.copies[broken.id] = Copy(broken)
    before.jobs.continue_after(41)
    remember(before, file)
    before.close()

    recall(state, file)

    assert state.peer("10.77.0.11").holds(whole.id)
    assert broken.id not in state.peer("10.77.0.11").copies
    assert not state.peer("10.77.0.12").copies
    assert state.jobs.last_id == 41
    assert not state.jobs.newest_first()


def test_a_missing_file_is_a_fresh_world(tmp_path: Path, state: DragonflyState) -> None:
    """The first start has nothing to remember."""
    recall(state, tmp_path / "sandbox.json")

    assert not any(peer.copies for peer in state.peers)


@pytest.mark.parametrize("text", ["not json", "[]", '{"last_job_id": 1}'])
def test_refuses_a_file_that_is_no_state(tmp_path: Path, state: DragonflyState, text: str) -> None:
    """A file of something else is named, not overwritten by a fresh world."""
    file = tmp_path / "other.json"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(ValueError, match=r"other\.json"):
        recall(state, file)
