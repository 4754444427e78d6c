"""Which seeds of a cluster answer, by the last image that was proved warm there."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from preheat.doctor.clusters import _judged
from preheat.doctor.observations import State
from preheat.drivers.base import PEER, SEED, LayerCopy, LayerFailure, Report


def copy(hostname: str, kind: str) -> LayerCopy:
    """Let a host of the one address hold a layer."""
    return LayerCopy("d", "u", hostname, "10.0.0.1", kind)


UNFINISHED = LayerFailure("d", "u", "seed-1", "10.0.0.1", "not finished", SEED)


@pytest.mark.parametrize(
    ("report", "state", "words"),
    [
        (Report((copy("seed-1", SEED), copy("node-1", PEER))), State.OK, "and 1 other peers"),
        (Report((copy("node-1", PEER), copy("seed-1", SEED))), State.OK, "10.0.0.1 answers"),
        (Report((copy("node-1", PEER),), (UNFINISHED,)), State.LOOK, "none says"),
    ],
)
def test_a_seed_is_told_from_a_node_at_its_address(
    report: Report, state: State, words: str
) -> None:
    """Hosts may share an address; a copy that is not finished is no sign of life."""
    cluster: Any = SimpleNamespace(name="eu", hosts={})
    key = SimpleNamespace(repository="a/b")
    placement: Any = SimpleNamespace(checked_at=datetime.now(UTC), key=key)
    observed = _judged(cluster, placement, report)
    assert observed.state is state
    assert words in observed.detail
