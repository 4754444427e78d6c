"""What outlives the stand-in's process, if asked for: what the peers hold, and the ids used up.

Job rows do not: a reader sees them as vanished, as it would after the manager's clean-up.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from preheat.sandbox.dragonfly.blobs import BlobTask
from preheat.sandbox.dragonfly.peers import Copy

if TYPE_CHECKING:
    from pathlib import Path

    from preheat.sandbox.dragonfly.state import DragonflyState

__all__ = ["recall", "remember"]


def remember(state: DragonflyState, file: Path) -> None:
    """Write down every complete copy and the last job id."""
    held = {
        peer.ip: [
            {
                "url": copy.task.url,
                "tag": copy.task.tag,
                "application": copy.task.application,
                "piece_length": copy.task.piece_length,
                "size": copy.size,
                "is_known": copy.is_known,
            }
            for copy in list(peer.copies.values())
            if copy.complete
        ]
        for peer in state.peers
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_text(json.dumps({"last_job_id": state.jobs.last_id, "held": held}), encoding="utf-8")
    part.replace(file)


def recall(state: DragonflyState, file: Path) -> None:
    """Read it back; a file that is not there is a fresh world.

    :raises ValueError: if the file is not one of ours.
    """
    if not file.exists():
        return
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        state.jobs.continue_after(int(found["last_job_id"]))
        for peer in state.peers:
            for fields in found["held"].get(peer.ip, ()):
                size, is_known = fields.pop("size"), fields.pop("is_known")
                task = BlobTask(**fields)
                peer.copies[task.id] = Copy(task, complete=True, size=size, is_known=is_known)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        message = f"{file} is not a state of the sandbox: remove it for a fresh world"
        raise ValueError(message) from error
