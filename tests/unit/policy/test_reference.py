"""The generated reference is current, and all that the documents show is taken by the loader."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING

import pytest

from preheat.plan import Disposition, ReasonCode
from preheat.policy.criteria import CRITERIA
from preheat.policy.jsonschema import example_of
from preheat.policy.loader import load_clusters, load_policy
from preheat.policy.meanings import DISPOSITIONS, REASONS
from preheat.policy.reference import write_reference

if TYPE_CHECKING:
    from collections.abc import Callable

    from preheat.policy.model import Clusters, Policy
    from preheat.policy.part import Part

DOCS = Path(__file__).parents[3] / "docs"
BLOCKS = re.findall(r"```yaml\n(.*?)```", (DOCS / "policy.md").read_text(), flags=re.DOTALL)
SOURCES = "sources: [{registry: harbor_default, projects: [ml, library]}]"


def test_the_reference_is_current() -> None:
    """``make reference`` was run after the last change of the language."""
    assert (DOCS / "reference" / "policy.md").read_text() == write_reference()


@pytest.mark.parametrize("part", CRITERIA, ids=lambda part: part.key)
def test_the_example_of_each_criterion_loads(part: Part, policy: Callable[..., Policy]) -> None:
    """What a docstring shows works as it stands."""
    text = example_of(part)
    if part.key.startswith("spec.rules[]"):
        text = "rules:\n- name: r\n" + indent(text, "  ")
    elif part.key.startswith("spec.gates"):
        text = "gates:\n" + indent(text, "  ")
    elif part.key.startswith("spec.sources[]"):
        text = "sources:\n- {registry: harbor_default, projects: [a]}\n- registry: harbor_default\n"
        text += "  projects: [b]\n" + indent(example_of(part), "  ")
    assert policy(*([] if text.startswith("sources") else [SOURCES]), text).rules


def test_every_word_has_a_meaning() -> None:
    """No code is left to be guessed at."""
    assert set(REASONS) == set(ReasonCode)
    assert set(DISPOSITIONS) == set(Disposition)


def test_every_reason_belongs_to_a_criterion_or_to_the_engine() -> None:
    """The reference shows each code where its criterion is."""
    told = [code for part in CRITERIA for code in part.codes]
    assert len(told) == len(set(told))
    engine = {ReasonCode.SELECTED, ReasonCode.PLATFORM_MISSING, ReasonCode.PLATFORM_NOT_WANTED}
    assert set(told) | engine == set(ReasonCode)


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


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    """Each page and heading that a link names exists."""
    for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", page.read_text()):
        found = (page.parent / target).resolve() if target else page
        assert found.exists(), target
        if anchor and found.suffix == ".md":  # of a picture it says in which theme it is shown
            headings = re.findall(r"^#+ (.*)$", found.read_text(), flags=re.MULTILINE)
            slugs = {re.sub(r"[^a-z0-9 _-]", "", h.lower()).replace(" ", "-") for h in headings}
            assert anchor in slugs, (target, anchor)
