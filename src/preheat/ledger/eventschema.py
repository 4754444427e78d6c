"""The tables of the inbox: what happened in a Harbor, and how far we looked there."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from preheat.ledger.columns import UtcDateTime, metadata, own_id

__all__ = ["cursor", "event", "glimpse", "ignored_event"]

WAITING = text("handled_at IS NULL")
HANDLED = text("handled_at IS NOT NULL")

event = Table(
    "event",
    metadata,
    own_id(),
    Column("registry", String(250), nullable=False),
    # Names this telling; the same thing told again by the same way has the same name.
    Column("delivery", String(250), nullable=False),
    Column("source", String(20), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("type", String(100), nullable=False),
    Column("repository", String(255), nullable=False),
    Column("digest", String(160), nullable=False),
    Column("tag", String(250), nullable=False),
    Column("operator", String(250), nullable=False),
    # By Harbor's clock; all other times are the database's.
    Column("occurred_at", UtcDateTime),
    Column("received_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    # How often it came again, by whatever way it came before.
    Column("repeats", Integer, nullable=False),
    # The other ways by which it was told: a list of source, delivery and time; see twins.
    Column("also", JSON, nullable=False),
    # The one policy for which it waits; empty for all.
    Column("policy", String(250), nullable=False),
    Column("handled_at", UtcDateTime),
    Column("dag_id", String(250), nullable=False),
    Column("run_id", String(250), nullable=False),
    # What came of it: a list of policy, words and plan_id.
    Column("outcomes", JSON, nullable=False),
    Column("words", Text, nullable=False),
    UniqueConstraint("registry", "delivery"),
    Index(None, "registry", "repository", "digest"),
    Index(None, "registry", "repository", "tag"),
    # All that is asked several times a second is in the index.
    Index(
        "ix_event_waiting",
        "registry",
        "due_at",
        "received_at",
        "id",
        sqlite_where=WAITING,
        postgresql_where=WAITING,
    ),
    Index("ix_event_handled_at", "handled_at", sqlite_where=HANDLED, postgresql_where=HANDLED),
    Index("ix_event_run", "dag_id", "run_id", sqlite_where=HANDLED, postgresql_where=HANDLED),
    # Whoever follows the inbox remembers the last id: none may come a second time.
    sqlite_autoincrement=True,
)

# What nothing listens to is counted, not kept.
ignored_event = Table(
    "ignored_event",
    metadata,
    Column("registry", String(250), primary_key=True),
    Column("type", String(100), primary_key=True),
    Column("count", Integer, nullable=False),
    Column("last_at", UtcDateTime, nullable=False),
)

# How far something was read, by a name that its reader chooses.
cursor = Table(
    "cursor",
    metadata,
    Column("name", String(250), primary_key=True),
    Column("value", JSON, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

# What a sweep saw last of a repository: what differs from it is new.
glimpse = Table(
    "glimpse",
    metadata,
    Column("registry", String(250), primary_key=True),
    Column("repository", String(255), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
)
