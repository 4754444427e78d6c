"""``preheat ledger``: bring its tables up to date, see how it stands and what it remembers."""

from __future__ import annotations

from typing import Annotated, NoReturn

import typer

from preheat.cli.console import plain, print_json
from preheat.cli.ledgers import DEFAULT_LEDGER, default_url, where_looked
from preheat.cli.options import JsonOption  # noqa: TC001 - typer evaluates it
from preheat.errors import LedgerError

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Look after the ledger's database.")

Url = Annotated[
    str,
    typer.Option(
        "--url",
        help=DEFAULT_LEDGER,
        envvar="AIRFLOW__PREHEAT__LEDGER_URL",
        show_default=False,
        show_envvar=True,
    ),
]


@app.command()
def upgrade(url: Url = "") -> None:
    """Create or update the tables; safe to run again, and while another one runs."""
    from preheat.ledger import Ledger  # noqa: PLC0415 (help must not wait for SQLAlchemy)

    try:
        with Ledger.at(url or default_url()) as ledger:
            ledger.upgrade()
            status = ledger.status()
    except LedgerError as error:
        _fail(error)
    typer.echo(f"The ledger at {status.url} is at revision {status.revision}.")


@app.command("status")
def show_status(url: Url = "") -> None:
    """Show revision and contents; exits with 1 when an upgrade is needed."""
    from preheat.ledger import Ledger  # noqa: PLC0415 (help must not wait for SQLAlchemy)

    try:
        with Ledger.at(url or default_url()) as ledger:
            status = ledger.status()
    except LedgerError as error:
        _fail(error)
    typer.echo(f"Ledger    {status.url}")
    if not status.is_current:
        typer.echo(f"Revision  {status.revision or 'no ledger yet'}, this Preheat: {status.head}")
        typer.echo(where_looked(url))
        typer.echo("If it is the right one, run 'preheat ledger upgrade' in the same way.")
        raise typer.Exit(1)
    typer.echo(f"Revision  {status.revision}, current")
    for table, count in status.rows.items():
        typer.echo(f"{table:<16}{count:>10}")
    typer.echo(f"{'open attempts':<16}{status.open_attempts:>10}")
    typer.echo(f"{'waiting events':<16}{status.waiting_events:>10}")


@app.command()
def decisions(
    dag_id: Annotated[str, typer.Argument(help="DAG, such as preheat__web-frontends.")] = "",
    run_id: Annotated[str, typer.Argument(help="Run of it, as Airflow writes it.")] = "",
    plan: Annotated[
        int, typer.Option("--plan", help="Number of a plan, as 'preheat events' tells it.")
    ] = 0,
    image: Annotated[
        str, typer.Option("--image", help="Only candidates whose name holds this text.")
    ] = "",
    *,
    as_json: JsonOption = False,
    url: Url = "",
) -> None:
    """Show what a run decided about each candidate then, and why; exits with 1 if nothing is known.

    'preheat explain' tells what would be decided now.
    """
    from preheat.cli.plan.data import decision_data  # noqa: PLC0415 (help must not wait for it)
    from preheat.cli.plan.words import candidate_name, reason_text  # noqa: PLC0415 (as above)
    from preheat.ledger import Ledger  # noqa: PLC0415 (help must not wait for SQLAlchemy)

    if bool(plan) == bool(dag_id and run_id):
        raise typer.BadParameter("give a DAG and a run of it, or --plan")
    try:
        with Ledger.at(url or default_url()) as ledger:
            whole = ledger.decisions_of(plan) if plan else ledger.decisions(dag_id, run_id)
            found = [decision for decision in whole if image in candidate_name(decision)]
            is_dry = ledger.is_dry_plan(plan) if plan else ledger.is_dry_run(dag_id, run_id)
    except LedgerError as error:
        _fail(error)
    if is_dry:
        typer.echo("This was a dry run: nothing was asked of any cluster.", err=True)
    if as_json:
        print_json([decision_data(decision) for decision in found])
    for decision in () if as_json else found:
        typer.echo(f"{'+' if decision.selected else '-'} {plain(candidate_name(decision))}")
        for reason in decision.reasons:
            typer.echo(f"    {plain(reason_text(reason, code=True))}")
    if not found:
        whose = f"plan {plan}" if plan else f"{dag_id} {run_id}"
        typer.echo(f"The ledger knows no such candidate of {whose}.", err=True)
        raise typer.Exit(1)


def _fail(error: LedgerError) -> NoReturn:
    typer.echo(str(error), err=True)
    raise typer.Exit(1)
