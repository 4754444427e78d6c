"""What Alembic runs: migrations over the connection that ``preheat.ledger.migrate`` hands in."""

from __future__ import annotations

from alembic import context

from preheat.ledger.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
)
# No transaction here: the caller's holds the lock, and all migrations commit together.
context.run_migrations()
