"""What a person on call reads: findings and outcomes in plain text, for logs and the terminal."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich.box import SIMPLE
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from preheat.demand import MinHosts, VerifyMode
from preheat.drivers.base import UNKNOWN_HOST
from preheat.plan import Disposition
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from preheat.ledger import Handled, Outcome, StoredEvent
    from preheat.verdict import Finding, HostFinding, MissingLayer

__all__ = [
    "advice",
    "all_warm",
    "count_of",
    "event_line",
    "finding_lines",
    "look_table",
    "outcome_table",
    "table_text",
    "too_few_hosts",
]

_SHOWN_LAYERS = 10
_SHOWN_REASONS = 3
_ALL_HOSTS = "100%"
_SMALL = "a node fetches those from the registry unless it holds them itself"


def count_of(number: int, noun: str) -> str:
    """Say how many of a thing there are: ``1 layer``, ``2 layers``, ``0 policies``."""
    if number == 1:
        return f"1 {noun}"
    is_y = noun.endswith("y") and noun[-2:-1] not in "aeiou"
    return f"{number} {noun[:-1]}ies" if is_y else f"{number} {noun}s"


def event_line(one: StoredEvent, done: Handled | None) -> str:
    """Say what happened and what comes of it: ``pushed library/app:1.2 (webhook): app``.

    :param done: what a run made of it; None while it waits.
    """
    event = one.event
    mark = f":{event.tag}" if event.tag else f"@{event.digest[:19]}" if event.digest else ""
    if done is None:
        came = "waits on"
    else:
        ways = [f"{o.policy} ({o.words})" if o.words else o.policy for o in done.outcomes]
        came = ", ".join(ways) or done.words
    return f"{event.kind} {event.repository}{mark} ({event.source}): {came}"


def finding_lines(finding: Finding) -> list[str]:
    """Say a verdict and what is missing, a line for each thing."""
    layers = count_of(finding.layers_expected, "layer")
    warm, expected = decimal(finding.bytes_warm), decimal(finding.bytes_expected)
    if finding.verdict is Verdict.UNKNOWN:
        lines = [f"{finding.verdict}: nothing could be counted, of {layers} ({expected})"]
    else:
        counted = f"{finding.layers_warm} of {layers} warm ({warm} of {expected})"
        lines = [f"{finding.verdict}: {counted}{_hosts_text(finding)}"]
    lines += _proof_lines(finding)
    lines += [f"  {_host_text(host, finding.layers_expected)}" for host in finding.hosts]
    lines += [f"  missing {_layer_text(layer)}" for layer in finding.missing[:_SHOWN_LAYERS]]
    if (more := len(finding.missing) - _SHOWN_LAYERS) > 0:
        lines.append(f"  and {more} more")
    lines += [f"  tolerated {_layer_text(layer)}" for layer in finding.tolerated[:_SHOWN_LAYERS]]
    if (more := len(finding.tolerated) - _SHOWN_LAYERS) > 0:
        lines.append(f"  and {more} more")
    if finding.words:
        lines.append(f"  why: {finding.words}")  # the words of others, and ours
    return lines


def _hosts_text(finding: Finding) -> str:
    """Say on how many hosts all of it is, where the scope asks for hosts."""
    if finding.hosts_expected is None:
        return f", every layer on {count_of(finding.hosts_warm, 'host')}"
    if not finding.hosts_expected:
        return ""
    hosts = count_of(finding.hosts_expected, "host")
    wanted = "" if finding.min_hosts == _ALL_HOSTS else f" (minHosts: {finding.min_hosts})"
    few = f"; {told}" if (told := too_few_hosts(finding)) else ""
    return f", every layer on {finding.hosts_warm} of {hosts}{wanted}{few}"


def too_few_hosts(finding: Finding) -> str:
    """Say that more hosts are wanted than there are, which nothing can meet; "" if not so."""
    wanted, there = MinHosts.parse(finding.min_hosts).count or 0, finding.hosts_expected
    if not there or wanted <= there:
        return ""
    return f"{wanted} hosts are wanted, there {'is' if there == 1 else 'are'} {there}"


def _proof_lines(finding: Finding) -> list[str]:
    """Say how it was proved, and what no proof helps."""
    lines = []
    if finding.proof is VerifyMode.PEERS:
        lines.append("  the peers themselves were asked")
    if finding.layers_small:
        layers = count_of(finding.layers_expected, "layer")
        small = f"{finding.layers_small} of {layers} ({decimal(finding.bytes_small)})"
        lines.append(f"  too small to be shared by peers: {small}; {_SMALL}")
    return lines


def advice(finding: Finding, *, named: str = "above") -> str:
    """Say in a sentence or two how much is missing, why, and what to do.

    Which layer on which host is told once, by :func:`finding_lines` or a page.

    :param named: where that is.
    """
    if finding.verdict is Verdict.UNKNOWN:
        return (
            f"{_unstopped(finding.words) or 'nothing could be counted'}. The next try asks again."
        )
    if not finding.missing:
        few = f": {told}" if (told := too_few_hosts(finding)) else ""
        verb = "holds" if finding.hosts_expected == 1 else "hold"
        return (
            f"{finding.hosts_warm} of {count_of(finding.hosts_expected or 0, 'host')} in scope "
            f"{verb} every layer, and minHosts is {finding.min_hosts}{few}."
        )
    missing = count_of(len(finding.missing), "layer")
    size = decimal(sum(layer.size for layer in finding.missing))
    reasons = list(dict.fromkeys(layer.words for layer in finding.missing if layer.words))
    why = f": {'; '.join(map(_unstopped, reasons[:_SHOWN_REASONS]))}" if reasons else ""
    return (
        f"{missing} missing ({size}, named {named}){why}. Where the registry answers with an "
        "error, mend that; where it can serve the layer, look at the log and the disk of the "
        "peers. A further try fetches only what is missing."
    )


def _unstopped(words: str) -> str:
    """Take the full stop away, where a sentence goes on."""
    return words.rstrip().removesuffix(".")


def _host_text(host: HostFinding, expected: int) -> str:
    text = f"host {host.host}: {host.layers} of {expected}, {decimal(host.bytes)}"
    if host.host == UNKNOWN_HOST:
        # dragonfly: recorded repeat-6mib-single-seed.
        return f"{text} (Dragonfly names no host for what a seed peer held already)"
    return text


def _layer_text(layer: MissingLayer) -> str:
    where = f" on {', '.join(layer.hosts)}" if layer.hosts else ", host not told by Dragonfly"
    why = f": {layer.words}" if layer.words else ""
    return f"{layer.digest} ({decimal(layer.size)}){where}{why}"


def outcome_table(outcomes: Sequence[Outcome]) -> Table:
    """Lay out what became of each placement of a run; 80 columns are enough.

    Only an image's name is folded where there is no room.
    """
    table = Table(box=SIMPLE, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("image", overflow="fold")
    for name in ("platform", "cluster", "verdict"):
        table.add_column(name, no_wrap=True)
    for name in ("layers", "size", "took"):
        table.add_column(name, justify="right", no_wrap=True)
    for outcome in outcomes:
        table.add_row(
            outcome.label.removesuffix(f" {outcome.platform}"),
            outcome.platform,
            outcome.cluster,
            _verdict_text(outcome),
            f"{outcome.layers_warm}/{outcome.layers_expected}" if outcome.finding else "-",
            "-" if outcome.bytes_expected is None else decimal(outcome.bytes_expected),
            "-" if outcome.seconds is None else f"{outcome.seconds:.1f} s",
        )
    return table


def look_table(outcomes: Sequence[Outcome]) -> Table:
    """Lay out what the peers were found to hold; scopes differ where an image was planned twice."""
    table = Table(box=SIMPLE, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("image", overflow="fold")
    for name in ("platform", "cluster", "scope", "verdict"):
        table.add_column(name, no_wrap=True)
    for outcome in outcomes:
        table.add_row(
            outcome.label.removesuffix(f" {outcome.platform}"),
            outcome.platform,
            outcome.cluster,
            outcome.key.scope.value,
            str(outcome.verdict),
        )
    return table


def _verdict_text(outcome: Outcome) -> str:
    match outcome.disposition:
        case Disposition.ALREADY_WARM:
            return f"{outcome.verdict} before"
        case Disposition.ASK | Disposition.LOOK:
            return str(outcome.verdict)
        case left_out:
            return left_out.words


def table_text(table: Table, *, width: int = 200) -> str:
    """Turn a table into plain text, for a log."""
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(table)
    file = console.file
    return file.getvalue().rstrip() if isinstance(file, io.StringIO) else ""


def all_warm(outcomes: Iterable[Outcome]) -> bool:
    """Tell whether every placement of the run is WARM."""
    return all(outcome.verdict is Verdict.WARM for outcome in outcomes)
