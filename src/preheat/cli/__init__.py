"""The ``preheat`` command."""

from __future__ import annotations

import io
import sys

import typer

from preheat.cli import catalog, harbor, importing, ledger, policy
from preheat.cli.demo import demo
from preheat.cli.doctor import doctor
from preheat.cli.events import events
from preheat.cli.explain import explain
from preheat.cli.options import EXIT_CODES
from preheat.cli.plan import plan
from preheat.cli.pools import pools
from preheat.cli.sandbox import sandbox
from preheat.cli.verify import verify

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)
app.add_typer(catalog.app, name="catalog")
app.add_typer(harbor.app, name="harbor")
app.add_typer(importing.app, name="import")
app.add_typer(ledger.app, name="ledger")
app.add_typer(policy.app, name="policy")
app.command(epilog=EXIT_CODES)(plan)
app.command(epilog=EXIT_CODES)(explain)
app.command(epilog="Exit codes: 0 all is well; 1 something is wrong; 2 it cannot be looked at.")(
    doctor
)
app.command(epilog=EXIT_CODES)(verify)
app.command(epilog="Exit codes: 0 right; 2 bad usage, or no ledger that can be read.")(events)
app.command()(pools)
app.command()(demo)
app.command()(sandbox)


@app.callback()
def main() -> None:
    """Make container images warm before anyone pulls them, and prove it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a letter
