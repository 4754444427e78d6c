"""The reference in docs/policy.md shows only what the loader takes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from preheat.plan import Disposition, ReasonCode
from preheat.policy.loader import load_clusters, load_policy

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.policy.model import Clusters, Policy

REFERENCE = (Path(__file__).parents[3] / "docs" / "policy.md").read_text()
BLOCKS = re.findall(r"```yaml\n(.*?)```", REFERENCE, flags=re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.strip().partition("\n")[0])
def test_each_example_loads(block: str, clusters: Clusters, policy: Callable[..., Policy]) -> None:
    """A whole file is read as one; a part of ``spec`` fits into a policy."""
    if "kind: PreheatClusters" in block:
        assert load_clusters(block, "clusters.yaml")
    elif "kind: PreheatPolicy" in block:
        assert load_policy(block, "web-frontends.yaml", clusters)
    else:
        parts = re.split(r"\n(?=\S)", block.strip())
        assert policy(*parts)


@pytest.mark.parametrize("word", [*ReasonCode, *Disposition])
def test_each_code_is_explained(word: str) -> None:
    """No code is left to be guessed at; a dry run is explained where it is started."""
    assert f"`{word}`" in REFERENCE or word == Disposition.DRY_RUN
