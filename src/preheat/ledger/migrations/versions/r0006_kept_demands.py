"""What each policy demands of what it wants kept warm: one policy's plan says nothing for another.

What was kept before takes the demand of its policy's own latest plan.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["upgrade"]

revision = "0006"
down_revision = "0005"

_OF_ITS_LAST_PLAN = """
UPDATE kept SET demand = COALESCE((
  SELECT plan_placement.demand FROM plan_placement
  JOIN plan ON plan.id = plan_placement.plan_id
  WHERE plan_placement.placement_id = kept.placement_id AND plan.policy = kept.policy
  ORDER BY plan.id DESC LIMIT 1
), '')
"""


def upgrade() -> None:
    """Add the column."""
    demand = sa.Column("demand", sa.String(length=40), server_default="", nullable=False)
    op.add_column("kept", demand)
    op.execute(_OF_ITS_LAST_PLAN)
