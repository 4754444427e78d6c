"""``preheat plan`` tells what would be warmed, why, how big it is, and what is left out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from preheat.catalogfile import load
from preheat.ledger import Ledger, RunRef
from preheat.policy.engine import evaluate
from preheat.policy.folder import load_file
from preheat.policy.loader import load_clusters
from preheat.verdict import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    Preheat = Callable[..., Result]
    Catalog = tuple[str, ...]

MIB = 1 << 20
CATALOGUE_LINE = (
    '{"repository_name": "library/NAME", "digest": "sha256:DIGEST", "tags": [{"name": "1"}],'
    ' "extra_attrs": {"os": "linux", "architecture": "amd64"}}'
)


def edit(include: Path, name: str, old: str, new: str) -> None:
    """Change a policy's text."""
    file = include / "policies" / f"{name}.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def add(include: Path, name: str, text: str) -> None:
    """Add keys to a policy's ``spec``."""
    file = include / "policies" / f"{name}.yaml"
    file.write_text(f"{file.read_text()}{text}")


def planned(preheat: Preheat, *words: object) -> dict[str, Any]:
    """Plan one policy, as machines read it."""
    found = preheat("plan", *words, "--json")
    (plan,) = json.loads(found.stdout)["plans"]
    assert isinstance(plan, dict)
    return plan


def test_a_plan_fits_80_columns_and_says_why(preheat: Preheat, catalog: Catalog) -> None:
    """Each image stands with its reason, its clusters and its size; the sums follow."""
    found = preheat("plan", "web-frontends", *catalog)
    assert found.exit_code == 0
    assert "web/frontend:2.4.1" in found.stdout
    assert "released: number 1 of 3 by pushed" in found.stdout
    assert "us-1 all_seed_peers" in found.stdout
    assert "Candidates: SELECTED 2, LABEL_EXCLUDED 1, LABEL_MISSING 1, NOT_NEWEST 1" in found.stdout
    assert "runs next on Wed 25 Nov at 04:30 CET" in found.stdout
    assert "web/api" not in found.stdout
    assert max(map(len, found.stdout.splitlines())) <= 80
    assert found.stderr == ""


def test_what_is_left_out_has_its_reason(preheat: Preheat, catalog: Catalog) -> None:
    """``--rejected`` shows only that, ``--all`` both."""
    rejected = preheat("plan", "web-frontends", *catalog, "--rejected").stdout
    assert "web/api:1.0.0" in rejected
    assert "LABEL_EXCLUDED: the labels are" in rejected
    assert "all_seed_peers" not in rejected
    both = preheat("plan", "web-frontends", *catalog, "--all").stdout
    assert "web/api:1.0.0" in both
    assert "all_seed_peers" in both


def test_a_machine_gets_all_of_it(preheat: Preheat, catalog: Catalog) -> None:
    """Images, places, bytes by cluster and counts have stable names."""
    plan = planned(preheat, "library-base", *catalog, "--all")
    assert plan["next_run"] == "2026-11-25T05:00:00+00:00"
    assert plan["clusters"]["eu-1"] == {
        "images": 2, "bytes": 100 * MIB, "unknown": 0, "spent": 0,
    }  # fmt: skip
    first = plan["images"][0]
    assert (first["image"], first["tags"][1:]) == ("library/nginx:2.3.0", ["2.3", "latest"])
    assert [(p["cluster"], p["scope"], p["disposition"]) for p in first["places"]] == [
        ("eu-1", "all_seed_peers", "ASK"),
        ("us-1", "single_seed_peer", "ASK"),
    ]
    assert first["why"][0]["code"] == "SELECTED"
    left_out = {each["reasons"][0]["code"] for each in plan["rejected"]}
    assert left_out == {"NOT_NEWEST", "PLATFORM_MISSING", "REPO_NOT_INCLUDED"}


def test_all_policies_by_default(preheat: Preheat, catalog: Catalog, include: Path) -> None:
    """A broken one is told and hides no other; the exit code says that one was broken."""
    edit(include, "ml-serving", "newest: 2", "newest: two")
    found = preheat("plan", *catalog)
    assert found.exit_code == 1
    assert "library/nginx:2.3.0" in found.stdout
    assert "include/policies/ml-serving.yaml:" in found.stderr
    data = json.loads(preheat("plan", *catalog, "--json").stdout)
    assert [plan["policy"] for plan in data["plans"]] == ["library-base", "web-frontends"]
    assert data["problems"][0]["path"] == "spec.rules[0].take.newest"
    assert data["catalogue"] == {"artifacts": 10, "from": {"harbor_default": "catalog.jsonl"}}


@pytest.mark.parametrize(
    ("on_exceed", "exit_code", "said"),
    [
        ("trim", 0, "The budget leaves out 2 of 4 placements: library/redis:2.2.0"),
        ("fail", 1, "The run will fail: The plan is over its budget"),
        ("ask", 0, "A person will be asked: The plan is over its budget"),
    ],
)
def test_a_full_budget(
    preheat: Preheat, catalog: Catalog, include: Path, on_exceed: str, exit_code: int, said: str
) -> None:
    """What does not fit is marked, how full the budget is is told, and ``fail`` fails."""
    add(
        include,
        "library-base",
        f"  budget: {{maxImages: 1, perClusterPerDay: 1GiB, onExceed: {on_exceed}}}\n",
    )
    found = preheat("plan", "library-base", *catalog)
    assert found.exit_code == exit_code
    words = " ".join(found.stdout.split())
    assert said in words
    over = [line for line in found.stdout.splitlines() if "over budget" in line]
    assert len(over) == (4 if on_exceed == "fail" else 2)
    if on_exceed == "trim":
        assert "Budget: 1 of 1 image a run. Budget: at most 50.0 MiB of 1.0 GiB a day on" in words


def test_a_closed_window_waits(preheat: Preheat, catalog: Catalog, include: Path) -> None:
    """The plan says that the window is closed, when it opens, and what waits for it."""
    add(
        include,
        "library-base",
        '  windows: {allow: [{days: [all], from: "20:00", to: "06:00", timezone: UTC}]}\n',
    )
    found = preheat("plan", "library-base", *catalog)
    assert "The window is closed: it is" in found.stdout
    assert "window closed" in found.stdout
    plan = planned(preheat, "library-base", *catalog)
    assert plan["opens_at"] == "2026-11-24T20:00:00+00:00"
    assert plan["window"]["open"] is False


def test_a_ledger_is_only_read(
    preheat: Preheat, catalog: Catalog, include: Path, tmp_path: Path
) -> None:
    """A ledger that is not there, or not ready, is told, and not made."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    refused = preheat("plan", "library-base", *catalog, "--ledger", url)
    assert refused.exit_code == 2
    assert "preheat ledger upgrade" in refused.stderr
    assert not (tmp_path / "ledger.db").exists()


def test_what_a_ledger_knows_to_be_warm(
    preheat: Preheat, catalog: Catalog, include: Path, tmp_path: Path
) -> None:
    """What was proved warm a moment ago is not asked for; the explanation says so too."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    clusters = load_clusters((include / "clusters.yaml").read_text(), "clusters.yaml")
    policy = load_file(include / "policies" / "library-base.yaml", clusters).policy
    assert policy is not None
    artifacts = load(Path("catalog.jsonl"), "harbor_default").artifacts
    run = RunRef("preheat__library-base", "manual__1", "track", map_index=0, try_number=1)
    with Ledger.open(url) as ledger:
        plan = evaluate(policy, artifacts, clusters, datetime.now(UTC))
        first = ledger.record_plan(plan, run).items[0]
        claim = ledger.open_attempt(first.placement_id, owner="me", run=run, lease_seconds=60)
        assert ledger.close_attempt(claim.attempt.id, Finding(Verdict.WARM, 2, 2, 20, 20))
    words = (*catalog[:2], "--ledger", url)
    places = planned(preheat, "library-base", *words)["images"][0]["places"]
    assert [place["disposition"] for place in places] == ["ALREADY_WARM", "ASK"]
    told = preheat("explain", "library/nginx:2.3.0", "-p", "library-base", *words).stdout
    assert "It is already warm on eu-1: found warm" in told
    assert "It is asked for on us-1 (single seed peer)." in told


def test_another_moment(preheat: Preheat, catalog: Catalog) -> None:
    """``--at`` decides ages and the next run; a time without zone is UTC, and that is told."""
    plan = planned(preheat, "ml-serving", *catalog[:2], "--at", "2026-11-23T00:30Z")
    assert plan["counts"] == {"TOO_YOUNG": 1}
    found = preheat("plan", "ml-serving", *catalog[:2], "--at", "2026-11-25")
    assert "taken as UTC" in found.stderr
    assert "2026-11-25 00:00 UTC" in found.stdout
    wrong = preheat("plan", *catalog[:2], "--at", "tomorrow")
    assert wrong.exit_code == 2
    assert "--at 'tomorrow' is not a time" in wrong.stderr


def test_two_harbors_need_two_catalogues(preheat: Preheat, catalog: Catalog, include: Path) -> None:
    """It must be clear which file is whose; a policy of one Harbor needs only that."""
    edit(include, "web-frontends", "registry: harbor_default", "registry: other")
    clusters = include / "clusters.yaml"
    one = "      harbor_default: http://127.0.0.1:8085\n"
    clusters.write_text(clusters.read_text().replace(one, f"{one}      other: http://other\n"))
    unclear = preheat("plan", *catalog)
    assert unclear.exit_code == 2
    assert "--catalog harbor_default=catalog.jsonl" in unclear.stderr
    lacking = preheat("plan", "--catalog", "other=catalog.jsonl", *catalog[2:])
    assert "There is no catalogue of harbor_default" in lacking.stderr
    both = preheat(
        "plan", "--catalog", "harbor_default=catalog.jsonl", "--catalog", "other=catalog.jsonl",
        *catalog[2:],
    )  # fmt: skip
    assert both.exit_code == 0
    assert preheat("plan", "web-frontends", *catalog).exit_code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["web-frontend"], "Did you mean web-frontends?"),
        (["--catalog", "nosuch.jsonl"], "nosuch.jsonl cannot be read"),
        (["--catalog", "include/clusters.yaml"], "include/clusters.yaml:1"),
        (["--manifests"], "save the catalogue with --manifests instead."),
        (["--markdown", "--json"], "choose one of --json and --markdown"),
        (["--against", "HEAD", "--all"], "it shows only what differs"),
        (["--include", "nosuch"], "There is no nosuch."),
    ],
)
def test_bad_usage(preheat: Preheat, catalog: Catalog, words: list[str], said: str) -> None:
    """Exit code 2, one message on stderr, nothing on stdout."""
    options = catalog[2:] if "--catalog" in words else catalog
    found = preheat("plan", *options, *words)
    assert (found.exit_code, found.stdout) == (2, "")
    assert said in " ".join(found.stderr.split())


def test_names_are_no_markup_in_a_comment(
    preheat: Preheat, catalog: Catalog, include: Path
) -> None:
    """Pipes, tags, mentions and links of a file cannot act in a pull request."""
    edit(
        include,
        "library-base",
        "description: Base images that every team builds on",
        "description: '<img src=x> | @everyone [a](http://b) www.evil.test `x` **y**'",
    )
    found = preheat("plan", "library-base", *catalog, "--markdown", "--all")
    assert found.exit_code == 0
    told = next(line for line in found.stdout.splitlines() if "everyone" in line)
    for markup in ("<img", "|", "@", "[", "]", "`", "*", "://", "www."):
        assert markup not in told.removesuffix("<br>")
    assert found.stdout.count("<details>") == found.stdout.count("</details>") == 2
    table = [line for line in found.stdout.splitlines() if line.startswith("| <code>")]
    assert {line.count("|") for line in table} == {6, 3}


def test_a_long_comment_is_cut(preheat: Preheat, catalog: Catalog, include: Path) -> None:
    """A comment has at most 65,536 letters; a cut one says so and closes what it opened."""
    name = "a" * 200
    rows = (
        CATALOGUE_LINE.replace("NAME", f"{name}{n}").replace("DIGEST", f"{n:064}")
        for n in range(400)
    )
    Path("big.jsonl").write_text("\n".join(rows))
    edit(include, "library-base", "{exact: hello}", '{glob: "**"}')
    found = preheat("plan", "library-base", "--catalog", "big.jsonl", "--markdown")
    assert 50_000 < len(found.stdout) < 65_536
    assert "The rest is too long for a comment" in found.stdout
    assert found.stdout.count("<details>") == found.stdout.count("</details>")


def test_no_candidate_is_no_error(preheat: Preheat, include: Path) -> None:
    """An empty catalogue gives an empty plan with its warnings."""
    Path("empty.jsonl").write_text("")
    found = preheat("plan", "library-base", "--catalog", "empty.jsonl")
    assert found.exit_code == 0
    assert "Nothing would be warmed." in found.stdout
    assert "has no artifact in a project" in " ".join(found.stdout.split())


def test_a_terminal_without_unicode(catalog: Catalog) -> None:
    """Letters that a terminal cannot show are replaced; nothing fails for them."""
    code = "import sys; from preheat.cli import app; app(sys.argv[1:])"
    words = [sys.executable, "-c", code, "explain", "web/frontend:2.4", *catalog]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert "web/frontend:2.4 is selected by web-frontends" in done.stdout
    assert done.stdout.isascii()


def test_a_saved_catalogue_needs_no_airflow(catalog: Catalog, tmp_path: Path) -> None:
    """A whole process plans offline without ``import airflow``, which costs seconds."""
    code = (
        "import sys; from preheat.cli import app; app(sys.argv[1:], standalone_mode=False);"
        "sys.exit(any(name.split('.')[0] == 'airflow' for name in sys.modules))"
    )
    words = [sys.executable, "-c", code, "plan", "library-base", *catalog]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "library/nginx:2.3.0" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
