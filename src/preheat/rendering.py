"""What a person on call reads: findings and outcomes in plain text, for logs and the terminal."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich.box import SIMPLE
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from preheat.plan import Disposition
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from preheat.ledger import Outcome
    from preheat.verdict import Finding, MissingLayer

__all__ = ["advice", "all_warm", "finding_lines", "outcome_table", "table_text"]

_SHOWN_LAYERS = 10
_NAMED_LAYERS = 3


def finding_lines(finding: Finding) -> list[str]:
    """Say a verdict and what is missing, a line for each thing."""
    layers = f"{finding.layers_warm} of {finding.layers_expected}"
    warm, expected = decimal(finding.bytes_warm), decimal(finding.bytes_expected)
    lines = [f"{finding.verdict}: {layers} layers ({warm} of {expected}) are where they should be"]
    lines += [
        f"  host {host.host}: {host.layers} of {finding.layers_expected}, {decimal(host.bytes)}"
        for host in finding.hosts
    ]
    lines += [f"  missing {_layer_text(layer)}" for layer in finding.missing[:_SHOWN_LAYERS]]
    if (more := len(finding.missing) - _SHOWN_LAYERS) > 0:
        lines.append(f"  and {more} more layers")
    if finding.words:
        lines.append(f"  Dragonfly said: {finding.words}")
    return lines


def advice(finding: Finding) -> str:
    """Say in a sentence or two what is missing and what to do about it."""
    missing = finding.missing
    if finding.verdict is Verdict.UNKNOWN:
        return f"{finding.words or 'nothing could be counted'}. The next try asks again."
    names = ", ".join(_layer_text(layer) for layer in missing[:_NAMED_LAYERS])
    rest = len(missing) - _NAMED_LAYERS
    more = f" and {rest} more" if rest > 0 else ""
    where = (
        "Where the registry answers with an error, mend that; where it can serve the layer, look "
        "at the log and the disk of the peers"
    )
    return f"missing {names}{more}. {where}. A further try fetches only what is missing."


def _layer_text(layer: MissingLayer) -> str:
    where = f" on {', '.join(layer.hosts)}" if layer.hosts else ""
    why = f": {layer.words}" if layer.words else ""
    return f"{layer.digest} ({decimal(layer.size)}){where}{why}"


def outcome_table(outcomes: Sequence[Outcome]) -> Table:
    """Lay out what became of each placement of a run."""
    table = Table(box=SIMPLE, show_edge=False, pad_edge=False)
    for name in ("image", "platform", "cluster", "verdict", "layers", "bytes", "seconds"):
        right = name in {"layers", "bytes", "seconds"}
        table.add_column(name, justify="right" if right else "left", no_wrap=True)
    for outcome in outcomes:
        table.add_row(
            outcome.label.removesuffix(f" {outcome.platform}"),
            outcome.platform,
            outcome.cluster,
            _verdict_text(outcome),
            f"{outcome.layers_warm}/{outcome.layers_expected}" if outcome.finding else "-",
            "-" if outcome.bytes_expected is None else decimal(outcome.bytes_expected),
            "-" if outcome.seconds is None else f"{outcome.seconds:.1f}",
        )
    return table


def _verdict_text(outcome: Outcome) -> str:
    match outcome.disposition:
        case Disposition.ALREADY_WARM:
            return f"{outcome.verdict} (already)"
        case Disposition.NEXT_RUN:
            return "waits for the next run"
        case Disposition.DRY_RUN:
            return "dry run: not asked"
        case Disposition.ASK:
            return str(outcome.verdict)


def table_text(table: Table, *, width: int = 200) -> str:
    """Turn a table into plain text, for a log."""
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(table)
    file = console.file
    return file.getvalue().rstrip() if isinstance(file, io.StringIO) else ""


def all_warm(outcomes: Iterable[Outcome]) -> bool:
    """Tell whether every placement of the run is WARM."""
    return all(outcome.verdict is Verdict.WARM for outcome in outcomes)
