"""How many bytes a plan comes to, and what came and went since the policy's last one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["upgrade"]

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the columns."""
    op.add_column("plan", sa.Column("bytes", sa.JSON(), server_default="{}", nullable=False))
    op.add_column("plan", sa.Column("difference", sa.JSON(none_as_null=True)))
