"""Where a person finds what the demo's run made warm, also if an earlier demo did."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from preheat.plan import Disposition
from preheat.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from preheat.ledger import Ledger, Outcome

__all__ = ["proved_before", "run_addresses"]


def proved_before(ledger: Ledger, outcomes: Iterable[Outcome]) -> list[tuple[str, str]]:
    """Find the runs (DAG, run) that proved warm what this one found warm before; each once."""
    runs: dict[tuple[str, str], None] = {}
    for outcome in outcomes:
        if outcome.disposition is Disposition.ALREADY_WARM:
            attempts = ledger.attempts(outcome.placement_id)
            proofs = [attempt for attempt in attempts if attempt.verdict is Verdict.WARM]
            runs.update(((proof.run.dag_id, proof.run.run_id), None) for proof in proofs[-1:])
    return list(runs)


def run_addresses(
    base_url: str, run: tuple[str, str], earlier: Sequence[tuple[str, str]]
) -> list[str]:
    """Give the addresses of a run, and of the runs that did its work before, in short lines.

    :param base_url: of the Airflow UI.
    :param run: DAG and run.
    :param earlier: see :func:`proved_before`.
    """
    lines = [f"This run: {_url(base_url, *run)}"]
    if earlier:
        lines += [
            "What was warm before was not asked for again: it has no tracked task in this",
            "run. It was made warm by:",
            *(f"  {_url(base_url, *other)}" for other in earlier),
            "Open Dragonfly job leads nowhere there: a restarted sandbox has kept what its",
            "peers hold, but not its jobs.",
        ]
    return lines


def _url(base_url: str, dag_id: str, run_id: str) -> str:
    return f"{base_url}/dags/{dag_id}/runs/{quote(run_id, safe=':')}"
