"""What a preview says of a byte budget when it knows sizes only as upper bounds.

Harbor's API tells how big an image is, and a run reads of what it consists: then a layer that
images of one repository share counts once.
"""

from __future__ import annotations

import hashlib
import html
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from preheat.artifact import Blob, Image
from preheat.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    Preheat = Callable[..., Result]

MIB = 1 << 20
AT = ("--catalog", "catalog.jsonl", "--at", "2026-11-24T12:00Z")
NAMES = ("one", "two")
POLICY = """\
apiVersion: preheat/v1alpha1
kind: PreheatPolicy
metadata: {name: nightlies}
spec:
  sources: [{registry: harbor_default, projects: [ml]}]
  rules: [{name: all}]
  budget: {BUDGET}
  targets: [{cluster: eu-1, scope: all_seed_peers}]
  triggers: {schedule: {cron: "0 2 * * *", timezone: UTC}}
"""


def digest(name: str) -> str:
    """Give a digest that follows from a name."""
    return f"sha256:{hashlib.sha256(name.encode()).hexdigest()}"


def blobs(name: str) -> list[dict[str, Any]]:
    """Give the blobs of an image: 80 MiB that all share, and 20 MiB of its own."""
    return [
        {"digest": digest("base"), "size": 80 * MIB},
        {"digest": digest(f"layer of {name}"), "size": 20 * MIB},
    ]


def artifact(name: str, *, told: bool) -> dict[str, Any]:
    """Give an image of 100 MiB as Harbor lists it.

    :param told: whether its blobs are told too.
    """
    more: dict[str, Any] = {"blobs": blobs(name)} if told else {}
    return {
        "repository_name": "ml/sim",
        "digest": digest(name),
        "size": 100 * MIB,
        "push_time": f"2026-11-2{len(name)}T00:00:00Z",
        "tags": [{"name": name}],
        "extra_attrs": {"os": "linux", "architecture": "amd64"},
        **more,
    }


def write(include: Path, budget: str, *, told: bool) -> None:
    """Write a policy with a budget, and a catalogue of two images that share a layer."""
    (include / "policies" / "nightlies.yaml").write_text(POLICY.replace("BUDGET", budget))
    lines = [json.dumps(artifact(name, told=told)) for name in NAMES]
    Path("catalog.jsonl").write_text("\n".join(lines))


def words_of(found: Result) -> str:
    """Give what was printed on one line."""
    return " ".join(found.stdout.split())


def planned(preheat: Preheat, *words: object) -> dict[str, Any]:
    """Plan as machines read it."""
    found = preheat("plan", "nightlies", *AT, *words, "--json")
    (plan,) = json.loads(found.stdout)["plans"]
    assert isinstance(plan, dict)
    return plan


def dispositions(plan: dict[str, Any]) -> list[str]:
    """Give what becomes of each placement."""
    return [place["disposition"] for image in plan["images"] for place in image["places"]]


@pytest.mark.parametrize("on_exceed", ["trim", "fail", "ask"])
def test_what_fits_by_exact_sizes_fails_no_preview(
    preheat: Preheat, include: Path, on_exceed: str
) -> None:
    """120 MiB fit into 150, at most 200 MiB may not: that is a warning, and no exit code of 1."""
    write(include, f"perRun: 150MiB, onExceed: {on_exceed}", told=False)
    found = preheat("plan", "nightlies", *AT)
    assert found.exit_code == 0
    told = words_of(found)
    assert "The plan may be over its budget: at most 200.0 MiB of 150.0 MiB a run;" in told
    assert "a catalogue saved with --manifests tells exactly" in told
    assert "The run will fail" not in told
    assert "A person will be asked" not in told
    assert max(map(len, found.stdout.splitlines())) <= 80
    plan = planned(preheat)
    assert (plan["sizes"], plan["failures"], plan["over_budget"]) == ("upper bound", [], "")
    if on_exceed == "fail":
        assert dispositions(plan) == ["ASK", "ASK"]
        assert "may be over budget" not in told
        assert "None" not in told
    else:
        assert "may be over budget" in told
        assert sorted(dispositions(plan)) == ["ASK", "OVER_BUDGET"]


@pytest.mark.parametrize("words", [(), ("--markdown",)])
def test_upper_bounds_are_called_so(
    preheat: Preheat, include: Path, words: tuple[str, ...]
) -> None:
    """Also where everything fits, in a table as in a comment."""
    write(include, "perRun: 1GiB, perClusterPerDay: 1GiB", told=False)
    found = preheat("plan", "nightlies", *AT, *words)
    told = html.unescape(words_of(found))
    assert "Sizes are upper bounds, a shared layer counts each time;" in told
    assert "Budget: at most 200.0 MiB of 1.0 GiB a run" in told
    assert "Budget: at most 200.0 MiB of 1.0 GiB a day on eu-1" in told


@pytest.mark.parametrize(
    ("on_exceed", "exit_code", "said"),
    [
        ("trim", 0, "The budget leaves out 1 of 2 placements"),
        ("fail", 1, "The run will fail: The plan is over its budget: 120.0 MiB in all clusters"),
        ("ask", 0, "A person will be asked: The plan is over its budget"),
    ],
)
def test_exact_sizes_are_judged_as_a_run_does(
    preheat: Preheat, include: Path, on_exceed: str, exit_code: int, said: str
) -> None:
    """With blobs in the catalogue a full budget is certain."""
    write(include, f"perRun: 110MiB, onExceed: {on_exceed}", told=True)
    found = preheat("plan", "nightlies", *AT)
    assert found.exit_code == exit_code
    assert said in words_of(found)
    assert "upper bounds" not in found.stdout
    assert "at most" not in found.stdout
    assert planned(preheat)["sizes"] == "exact"


def test_other_limits_stay_certain(preheat: Preheat, include: Path) -> None:
    """Images can be counted whatever their sizes: that fails the run, and the preview."""
    write(include, "maxImages: 1, perRun: 150MiB, onExceed: fail", told=False)
    found = preheat("plan", "nightlies", *AT)
    assert found.exit_code == 1
    assert "The run will fail: The plan is over its budget: 2 images" in words_of(found)


def test_an_image_of_unknown_size_is_no_certain_failure(preheat: Preheat, include: Path) -> None:
    """A run reads its manifest, and may find that it fits."""
    write(include, "perRun: 150MiB, onExceed: fail", told=False)
    rows = [artifact(name, told=False) | {"size": 0} for name in NAMES]
    Path("catalog.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = preheat("plan", "nightlies", *AT)
    assert found.exit_code == 0
    assert "The plan may be over its budget: 2 images of unknown size;" in words_of(found)


def test_what_a_ledger_knows_is_exact(preheat: Preheat, include: Path, tmp_path: Path) -> None:
    """Blobs follow from a digest for ever: what a run read once need not be read again."""
    write(include, "perRun: 150MiB, onExceed: fail", told=False)
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with Ledger.open(url) as ledger:
        for name in NAMES:
            own = tuple(Blob(each["digest"], each["size"]) for each in blobs(name))
            ledger.record_image(Image(digest(name), "linux/amd64", own))
    found = preheat("plan", "nightlies", *AT, "--ledger", url)
    assert found.exit_code == 0
    assert "Budget: 120.0 MiB of 150.0 MiB a run" in words_of(found)
    plan = planned(preheat, "--ledger", url)
    assert (plan["sizes"], plan["clusters"]["eu-1"]["bytes"]) == ("exact", 120 * MIB)


@pytest.mark.parametrize(
    ("on_exceed", "said"),
    [
        ("trim", "ml/sim:one is selected"),
        ("trim", "It may be over the budget of eu-1: by upper bounds of sizes, budget.perRun is"),
        ("fail", "It is asked for on eu-1"),
        ("fail", "The plan may be over its budget: at most 200.0 MiB of 150.0 MiB a run"),
    ],
)
def test_an_explanation_is_as_careful(
    preheat: Preheat, include: Path, on_exceed: str, said: str
) -> None:
    """It says what may be so, and how to know."""
    write(include, f"perRun: 150MiB, onExceed: {on_exceed}", told=False)
    images = ("ml/sim:one", "ml/sim:two")
    found = preheat("explain", *images, "-p", "nightlies", *AT)
    assert found.exit_code == 0
    assert said in words_of(found)
    assert "--manifests tells exactly" in words_of(found)
