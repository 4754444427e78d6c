"""The seeded catalogues: the demo is the same everywhere, a large one lists like a small one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from preheat.sandbox.catalogue import ROBOT, ROBOT_SECRET, fill
from preheat.sandbox.harbor import HarborState
from preheat.sandbox.harbor.listing import list_artifacts
from preheat.sandbox.harbor.query import Query, Range

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def demo() -> HarborState:
    """Fill one demo catalogue."""
    state = HarborState()
    fill(state, "demo", now=NOW)
    return state


def rows(state: HarborState) -> list[tuple[Any, ...]]:
    """Tell everything that identifies an artifact."""
    return [
        (a.id, a.repository.name, a.digest, a.push_time, tuple(t.name for t in a.tags))
        for a in state.artifacts.values()
    ]


def test_the_same_moment_gives_the_same_demo(demo: HarborState) -> None:
    """Ids, digests, times and tags are all determined by now."""
    again = HarborState()
    fill(again, "demo", now=NOW)
    assert rows(again) == rows(demo)


def test_digests_do_not_depend_on_the_day_but_ages_do(demo: HarborState) -> None:
    """A day later every image is the same, and as old as before."""
    later = HarborState()
    fill(later, "demo", now=NOW + timedelta(days=1))
    one, other = ({a.digest: a.push_time for a in s.artifacts.values()} for s in (demo, later))
    assert one.keys() == other.keys()
    assert {other[digest] - at for digest, at in one.items()} == {timedelta(days=1)}


def test_the_demo_has_a_bit_of_everything(demo: HarborState) -> None:
    """Forty repositories: nested, multi-arch, signed, scanned, labelled, a chart, untagged."""
    found = list(demo.artifacts.values())
    names = {repository.name for repository in demo.repositories()}
    assert 38 <= len(names) <= 42
    assert demo.projects.keys() == {
        *("library", "web", "ml", "payments", "research-a", "research-b", "team-a")
    }
    assert [p.name for p in demo.projects.values() if p.public] == ["library"]
    assert {"ml/serving/llm", "library/hello", "payments/fraud/scorer"} <= names
    assert {a.type for a in found if a.visible} == {"IMAGE", "CHART"}
    assert any(a.is_index for a in found)
    assert {label.name for a in found for label in a.labels} == {"approved", "qa-passed", "hold"}
    assert any(a.accessories for a in found)
    assert {a.scan.severity for a in found if a.scan} > {"None", "Critical"}
    assert any(a.visible and not a.tags for a in found)
    layers = {layer for a in found for layer in getattr(a.recipe, "layers", ())}
    assert sum(layer.size > 4 * 1024 * 1024 for layer in layers) >= 3
    assert max(a.push_time for a in found) <= NOW


def test_a_newest_version_carries_its_aliases(demo: HarborState) -> None:
    """Latest points at the newest semver; nightlies and calvers are named after their day."""
    api = demo.find("team-a/api", "latest")
    assert {tag.name for tag in api.tags} == {"2.3.0", "2.3", "latest"}
    nightly = demo.find("team-a/jobs/nightly", "nightly")
    assert f"nightly-{nightly.push_time:%Y%m%d}" in {tag.name for tag in nightly.tags}


def test_hello_is_for_two_platforms(demo: HarborState) -> None:
    """library/hello:1.0 is an index over linux/amd64 and linux/arm64."""
    recipe = demo.find("library/hello", "1.0").recipe
    platforms = [str(child.platform) for child in getattr(recipe, "children", ())]
    assert platforms == ["linux/amd64", "linux/arm64"]


@pytest.mark.parametrize("kind", ["demo", "empty", "scale:3"])
def test_every_catalogue_knows_the_robot(kind: str) -> None:
    """The robot of the demo lists and pulls in every project, and is not the administrator."""
    state = HarborState()
    fill(state, kind, now=NOW)
    caller = state.accounts.identify(ROBOT, ROBOT_SECRET)
    assert (caller.known, caller.admin) == (True, False)
    for project in state.projects.values():
        assert caller.may(project, "repository:pull")
        assert not caller.may(project, "repository:push")


@pytest.mark.parametrize("kind", ["scale", "scale:many", "demo:1", "full"])
def test_an_unknown_catalogue_is_refused(kind: str) -> None:
    """A catalogue that is misspelt does not become an empty one."""
    with pytest.raises(ValueError, match="is not demo, empty or scale:N"):
        fill(HarborState(), kind, now=NOW)


def test_a_scaled_catalogue_has_as_many_artifacts_as_it_says() -> None:
    """scale:N is N artifacts beside hello, over a hundred repositories, all different."""
    state = HarborState()
    fill(state, "scale:1000", now=NOW)
    benches = [p for p in state.projects.values() if p.name != "library"]
    visible = [a for p in benches for a in p.artifacts.visible]
    assert len(visible) == 1000
    assert sum(len(p.repositories) for p in benches) == 100
    assert len({state.artifacts[key].digest for key in visible}) == 1000


def test_a_keyset_page_touches_only_its_own_rows() -> None:
    """A page of a large project looks up as many artifacts as it holds."""
    state = HarborState()
    fill(state, "scale:4000", now=NOW)

    class Counting(dict[int, Any]):
        reads = 0

        def __getitem__(self, key: int) -> Any:
            self.reads += 1
            return super().__getitem__(key)

    state.artifacts = counting = Counting(state.artifacts)
    index = state.projects["bench-1"].artifacts
    found, total = list_artifacts(state, index, Query({"id": Range("2000", "")}, ("id",), 1, 100))
    assert (len(found), total, counting.reads) == (100, 501, 100)
    counting.reads = 0
    assert len(list_artifacts(state, index, Query(page=5, size=100))[0]) == 100
    assert counting.reads == 100
