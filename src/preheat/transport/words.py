"""What other systems say, made fit for our messages."""

from __future__ import annotations

import re

__all__ = ["READ_LENGTH", "redact"]

WORDS_LENGTH = 500
READ_LENGTH = 16 * WORDS_LENGTH
_SECRETS = re.compile(
    r"(?i)((?:bearer|basic)\s+)(?!(?:auth|realm)\b)[\w.~+/=-]+"  # a header's value
    r"|(//)[^/@\s:]+:[^/@\s]+@"  # credentials inside a URL
    r"|eyJ[\w-]{8,}[\w.-]*"  # a JWT, perhaps cut
)


def redact(text: str) -> str:
    """Take credentials out of another system's words, and cut them to a readable length.

    What cannot be seen goes too: it would forge lines of a log, or steer a terminal.
    """
    cut = text[:READ_LENGTH]  # a megabyte is no sentence, and the expressions need not prove it
    clean = _SECRETS.sub(lambda match: f"{match[1] or match[2] or ''}***", cut)
    clean = "".join(letter if letter.isprintable() else " " for letter in clean)
    return clean if len(clean) <= WORDS_LENGTH else f"{clean[:WORDS_LENGTH]}…"
