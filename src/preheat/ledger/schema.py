"""The tables of the ledger. Every change here needs a migration; a test compares the two.

Those of the inbox are in :mod:`preheat.ledger.eventschema`.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from preheat.ledger.columns import UtcDateTime, metadata, own_id, reference
from preheat.ledger.eventschema import cursor, event, glimpse, ignored_event

__all__ = [
    "REVISION",
    "attempt",
    "cursor",
    "event",
    "examination",
    "follower",
    "glimpse",
    "ignored_event",
    "image",
    "kept",
    "metadata",
    "placement",
    "plan",
    "plan_placement",
    "tally",
]

REVISION = "0008"
"""The migration that this schema equals: opening a ledger needs no Alembic unless they differ."""

OPEN = text("closed_at IS NULL")

plan = Table(
    "plan",
    metadata,
    own_id(),
    Column("dag_id", String(250), nullable=False),
    Column("run_id", String(250), nullable=False),
    Column("policy", Text, nullable=False),
    Column("policy_hash", String(64), nullable=False),
    Column("policy_text", Text, nullable=False),
    Column("clusters", JSON, nullable=False),
    Column("warnings", JSON, nullable=False),
    Column("failures", JSON, nullable=False),
    Column("accept_partial", Boolean, nullable=False),
    Column("evaluated_at", UtcDateTime, nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False, index=True),
    Column("counts", JSON, nullable=False),
    # By cluster: images, bytes, images of unknown size.
    Column("bytes", JSON, nullable=False, server_default="{}"),
    # What came and went since the policy's last plan; null when there was none.
    Column("difference", JSON(none_as_null=True)),
    # For how long what it asks for is looked after; null when it is not.
    Column("keep_warm", JSON(none_as_null=True)),
    # Whether it looks at some repositories only, those in which something happened.
    Column("partial", Boolean, nullable=False, server_default=false()),
    # Whether it was made to look at, and nothing asked.
    Column("dry_run", Boolean, nullable=False, server_default=false()),
    Column("decisions", LargeBinary, nullable=False),
    UniqueConstraint("dag_id", "run_id", "policy"),
    Index(None, "policy", "recorded_at"),
)

image = Table(
    "image",
    metadata,
    Column("digest", String(160), primary_key=True),
    Column("platform", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("blobs", JSON, nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False),
)

placement = Table(
    "placement",
    metadata,
    own_id(),
    # SHA-256 of the whole key: a list of a hundred peers does not fit into an index of PostgreSQL.
    Column("fingerprint", String(64), nullable=False, unique=True),
    Column("cluster", Text, nullable=False),
    Column("pull_endpoint", Text, nullable=False),
    Column("repository", Text, nullable=False),
    Column("digest", String(160), nullable=False, index=True),
    Column("platform", Text, nullable=False),
    Column("scope", String(50), nullable=False),
    Column("peers", Text, nullable=False),
    Column("settings", JSON, nullable=False),
    # What a proof rests on besides the key, as a digest: a change undoes what was proved.
    Column("grounds", String(64), nullable=False, server_default=""),
    Column("verdict", String(20), nullable=False),
    # What was seen when it was checked, to be judged again by what a run demands.
    Column("proof", String(10), nullable=False, server_default="layers"),
    Column("hosts_warm", Integer, nullable=False, server_default="0"),
    Column("hosts_expected", Integer, server_default="0"),
    Column("warm_since", UtcDateTime),
    Column("checked_at", UtcDateTime),
    # When its artifact was found to be gone from Harbor; null while it is there.
    Column("deleted_at", UtcDateTime),
    Index(None, "verdict", "checked_at"),
    # In this order they are shown, a page at a time.
    Index(None, "repository", "digest", "platform"),
)

attempt = Table(
    "attempt",
    metadata,
    own_id(),
    reference("placement_id", "placement.id", nullable=False, index=True),
    Column("nonce", String(40), nullable=False, unique=True),
    Column("owner", String(250), nullable=False),
    Column("lease_until", UtcDateTime, nullable=False),
    Column("dag_id", String(250), nullable=False),
    Column("run_id", String(250), nullable=False),
    Column("task_id", String(250), nullable=False),
    Column("map_index", Integer, nullable=False),
    Column("try_number", Integer, nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("asked_at", UtcDateTime),
    Column("job_id", BigInteger),
    Column("closed_at", UtcDateTime),
    Column("verdict", String(20)),
    Column("finding", JSON(none_as_null=True)),
    Column("words", Text, nullable=False),
    Column("note", Text, nullable=False),
    Index(None, "dag_id", "run_id"),
    Index(
        "uq_attempt_open",
        "placement_id",
        unique=True,
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    ),
)

# Runs that follow an attempt, the one that opened it among them, with their latest try.
follower = Table(
    "follower",
    metadata,
    reference("attempt_id", "attempt.id", primary_key=True),
    Column("dag_id", String(250), primary_key=True),
    Column("run_id", String(250), primary_key=True),
    Column("try_number", Integer, nullable=False),
)

plan_placement = Table(
    "plan_placement",
    metadata,
    reference("plan_id", "plan.id", primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    reference("placement_id", "placement.id", nullable=False, index=True),
    Column("label", String(500), nullable=False),
    Column("tags", JSON, nullable=False),
    Column("wave", Integer, nullable=False),
    Column("disposition", String(20), nullable=False),
    Column("detail", Text, nullable=False),
    # What this run wants shown before it counts as warm; empty for the usual.
    Column("demand", String(40), nullable=False, server_default=""),
    # The attempt that this run made or joined last for the placement.
    reference("attempt_id", "attempt.id", index=True),
)

# What a policy wants kept warm, from when it last selected it; see preheat.ledger.kept.
kept = Table(
    "kept",
    metadata,
    reference("placement_id", "placement.id", primary_key=True),
    Column("policy", String(250), primary_key=True),
    Column("label", String(500), nullable=False),
    Column("recheck_seconds", Integer, nullable=False),
    Column("accept_partial", Boolean, nullable=False),
    # What the policy wants shown before it counts as warm; empty for the usual.
    Column("demand", String(40), nullable=False, server_default=""),
    Column("selected_at", UtcDateTime, nullable=False),
    Column("keep_until", UtcDateTime, nullable=False, index=True),
)

# How many of the wanted placements stood how, at one moment.
tally = Table(
    "tally",
    metadata,
    Column("taken_at", UtcDateTime, primary_key=True),
    Column("cluster", Text, primary_key=True),
    Column("verdict", String(20), primary_key=True),
    Column("placements", Integer, nullable=False),
    # Of those whose image size is known.
    Column("bytes", BigInteger, nullable=False),
)

# What the doctor saw.
examination = Table(
    "examination",
    metadata,
    own_id(),
    Column("seen_at", UtcDateTime, nullable=False, index=True),
    Column("dag_id", String(250), nullable=False),
    Column("run_id", String(250), nullable=False),
    Column("observations", JSON, nullable=False),
)
