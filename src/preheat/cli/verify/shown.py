"""What ``preheat verify`` prints: hosts down, layers across, for people and for machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.filesize import decimal
from rich.text import Text

from preheat.cli.console import plain
from preheat.cli.verify.holdings import Held
from preheat.policy.units import format_size
from preheat.rendering import count_of, too_few_hosts
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from rich.console import Console

    from preheat.cli.verify.holdings import Holding
    from preheat.cli.verify.run import Result
    from preheat.harbor.reference import ImageReference
    from preheat.placement import Scope
    from preheat.verdict import Finding

__all__ = ["as_data", "print_result"]

_MARKS = {Held.WHOLE: "#", Held.PART: "~", Held.NOT: ".", Held.UNTOLD: "?"}
_WORDS = {
    Held.WHOLE: "held",
    Held.PART: "known, but not finished",
    Held.NOT: "not held",
    Held.UNTOLD: "nobody could be asked",
}
_STYLES = {
    Verdict.WARM: "bold green",
    Verdict.PARTIAL: "bold yellow",
    Verdict.COLD: "bold red",
    Verdict.UNKNOWN: "bold red",
}
_SILENT = "no answer: it holds nothing, or cannot be reached"
_WHOLE_HOSTS_SHOWN = 20


def print_result(console: Console, reference: ImageReference, result: Result) -> None:
    """Print verdicts, hosts and layers of one image on one cluster."""
    key = result.planned.key
    name = plain(f"{reference} {key.platform}".rstrip())
    console.print(Text(f"{name} on {key.cluster}", "bold"), soft_wrap=True)
    console.print(f"  {key.manifest_url}", style="dim", soft_wrap=True)
    if result.error:  # alike for all scopes, and told in full on stderr
        line = Text(f"> {key.scope:<17}")
        line.append(f"{Verdict.UNKNOWN:<8}", _STYLES[Verdict.UNKNOWN])
        line.append(f"the peers of {plain(key.cluster)} could not be asked")
        console.print(line, soft_wrap=True)
        console.print()
        return
    for scope, finding in result.findings.items():
        is_wanted = scope is key.scope
        line = Text("> " if is_wanted else "  ")
        line.append(f"{scope:<17}")
        line.append(f"{finding.verdict:<8}", _STYLES[finding.verdict] if is_wanted else "")
        console.print(line.append(plain(_told(finding))), soft_wrap=True)
    for row in (*_hosts(result.hosts), *_layers(result)):
        console.print(plain(row), soft_wrap=True)
    console.print()


def _told(finding: Finding) -> str:
    if finding.verdict is Verdict.UNKNOWN:
        return finding.words
    layers = f"{finding.layers_warm} of {count_of(finding.layers_expected, 'layer')}"
    if not finding.hosts_expected:
        return layers
    hosts = count_of(finding.hosts_expected, "host")
    verb = "holds" if finding.hosts_expected == 1 else "hold"
    text = f"{layers}; {finding.hosts_warm} of {hosts} {verb} all"
    return "; ".join(filter(None, [text, too_few_hosts(finding), finding.words]))


def _hosts(hosts: Sequence[Holding]) -> Iterator[str]:
    """Show hosts that lack something first, and not all that lack nothing."""
    if not hosts:
        yield "  no host answered, and clusters.yaml names none"
        return
    lacking = [host for host in hosts if host.count < len(host.layers)]
    whole = [host for host in hosts if host.count == len(host.layers)]
    shown = [*lacking, *whole[:_WHOLE_HOSTS_SHOWN]]
    width = max(len(_name(host)) for host in shown)
    yield ""
    for host in shown:
        marks = "".join(_MARKS[each] for each in host.layers)
        counted = f"{host.count} of {len(host.layers)}" if host.answered else _SILENT
        yield f"  {_name(host):<{width}}  {host.kind:<4}  {marks}  {counted}"
    if len(whole) > _WHOLE_HOSTS_SHOWN:
        yield f"  and {len(whole) - _WHOLE_HOSTS_SHOWN} more that hold every layer"


def _name(host: Holding) -> str:
    return f"{host.ip} {host.hostname}".rstrip()


def _layers(result: Result) -> Iterator[str]:
    """Explain the columns, in their order."""
    if not result.hosts:
        return
    why = {layer.digest: layer.words for layer in result.finding.missing}
    met = {each for host in result.hosts for each in host.layers}
    yield "  " + ", ".join(f"{mark} {_WORDS[held]}" for held, mark in _MARKS.items() if held in met)
    yield ""
    for number, blob in enumerate(result.image.blobs):
        holders = sum(host.layers[number] is Held.WHOLE for host in result.hosts)
        small = ", too small to be shared" if blob.size <= result.unshared_bytes else ""
        hosts = f"on {holders} of {count_of(len(result.hosts), 'host')}"
        yield f"  {number + 1:>3}  {blob.digest[:19]}…  {decimal(blob.size):>9}  {hosts}{small}"
        if words := why.get(blob.digest):
            yield f"       missing: {words}"
    if any(blob.size <= result.unshared_bytes for blob in result.image.blobs):
        yield (
            f"  Layers of at most {format_size(result.unshared_bytes)} peers never share: a node"
            " fetches them from the registry unless it holds them itself."
        )


def as_data(reference: ImageReference, results: Sequence[Result], at: datetime) -> dict[str, Any]:
    """Give everything as plain data."""
    return {
        "image": str(reference),
        "asked_at": at.isoformat(timespec="seconds"),
        "warm": all(result.finding.verdict is Verdict.WARM for result in results),
        "results": [_result_data(result) for result in results],
    }


def _result_data(result: Result) -> dict[str, Any]:
    key = result.planned.key
    return {
        "cluster": key.cluster,
        "registry": result.planned.settings.registry,
        "pull_endpoint": key.pull_endpoint,
        "repository": key.repository,
        "digest": key.digest,
        "platform": key.platform,
        "scope": key.scope.value,
        "verdict": result.finding.verdict.value,
        "scopes": dict(_scope_data(*item) for item in result.findings.items()),
        "layers": [
            {
                "digest": blob.digest,
                "size": blob.size,
                "shared": blob.size > result.unshared_bytes,
            }
            for blob in result.image.blobs
        ],
        "hosts": [
            {
                "ip": host.ip,
                "hostname": host.hostname,
                "kind": host.kind,
                "answered": host.answered,
                "layers": [held.value for held in host.layers],
            }
            for host in result.hosts
        ],
        "error": result.error,
    }


def _scope_data(scope: Scope, finding: Finding) -> tuple[str, dict[str, Any]]:
    return scope.value, {
        "verdict": finding.verdict.value,
        "layers_warm": finding.layers_warm,
        "layers_expected": finding.layers_expected,
        "hosts_warm": finding.hosts_warm,
        "hosts_expected": finding.hosts_expected,
        "min_hosts": finding.min_hosts,
        "missing": [
            {
                "digest": layer.digest,
                "size": layer.size,
                "hosts": list(layer.hosts),
                "words": layer.words,
            }
            for layer in (*finding.missing, *finding.tolerated)
        ],
        "words": finding.words,
    }
