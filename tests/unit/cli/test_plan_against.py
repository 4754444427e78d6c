"""``preheat plan --against``: what a change of policies changes, told before it is merged."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    Preheat = Callable[..., Result]
    Catalog = tuple[str, ...]


def git(*words: str) -> None:
    """Run git in the working directory, whatever the machine's own settings are."""
    name = {"NAME": "t", "EMAIL": "t@example.com"}
    who = {f"GIT_{role}_{k}": v for role in ("AUTHOR", "COMMITTER") for k, v in name.items()}
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    environment = {**os.environ, **who, **quiet}
    program = shutil.which("git") or "git"
    subprocess.run([program, *words], check=True, capture_output=True, env=environment)


@pytest.fixture
def repository(include: Path) -> Path:
    """Commit the include folder on a branch ``main``."""
    git("init", "--quiet", "--initial-branch=main")
    git("add", "include")
    git("commit", "--quiet", "--message=first")
    return include


def edit(include: Path, name: str, old: str, new: str) -> None:
    """Change a policy's text."""
    file = include / "policies" / f"{name}.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def changes(preheat: Preheat, catalog: Catalog, *words: object) -> dict[str, dict[str, Any]]:
    """Compare with ``main``, as machines read it."""
    found = preheat("plan", *words, *catalog, "--against", "main", "--json")
    return {change["policy"]: change for change in json.loads(found.stdout)["changes"]}


def test_nothing_changed(preheat: Preheat, repository: Path, catalog: Catalog) -> None:
    """The same files give no difference, comments or not."""
    edit(repository, "library-base", "spec:", "# a comment\nspec:")
    found = preheat("plan", *catalog, "--against", "HEAD")
    assert found.exit_code == 0
    assert "The same as before: library-base, ml-serving, web-frontends." in found.stdout
    comment = preheat("plan", *catalog, "--against", "HEAD", "--markdown").stdout
    assert "Nothing changes." in comment


def test_what_comes_and_goes(preheat: Preheat, repository: Path, catalog: Catalog) -> None:
    """Images that come and go are told with the reason, the clusters and the bytes."""
    edit(repository, "web-frontends", "take: {newest: 2}", "take: {newest: 1}")
    edit(repository, "library-base", "{exact: hello}", "{exact: postgres}")
    found = preheat("plan", *catalog, "--against", "main")
    assert found.exit_code == 0
    told = " ".join(found.stdout.split())
    assert "library-base: 2 added, 0 removed, 4 unchanged; +100.0 MiB" in told
    assert "+ library/postgres:16.1 linux/amd64 eu-1 all_seed_peers, us-1" in told
    assert "web-frontends: 0 added, 2 removed, 2 unchanged; -100.0 MiB" in told
    assert "- web/frontend:2.4.0 linux/amd64" in told
    assert "released: NOT_NEWEST: number 2 of 3 by pushed" in told
    assert "bytes on eu-1: 100.0 MiB -> 50.0 MiB (-50.0 MiB)" in told
    assert "Sizes are upper bounds, a shared layer counts each time;" in told
    assert "spec.rules[0].take.newest: 2 -> 1" in told
    assert "The same as before: ml-serving." in told


def test_policies_that_come_and_go(preheat: Preheat, repository: Path, catalog: Catalog) -> None:
    """A file that is new, gone or broken is told as such; each counts all its placements."""
    (repository / "policies" / "ml-serving.yaml").unlink()
    preheat("policy", "new", "web-next", "--from", "web-frontends")
    edit(repository, "library-base", "newest: 1", "newest: one")
    found = changes(preheat, catalog)
    assert {name: change["status"] for name, change in found.items()} == {
        "library-base": "broken",
        "ml-serving": "removed",
        "web-frontends": "same",
        "web-next": "new",
    }
    assert (found["ml-serving"]["added"], found["ml-serving"]["removed"]) == (0, 1)
    assert (found["web-next"]["added"], found["web-next"]["removed"]) == (4, 0)
    assert found["library-base"]["removed"] == 4
    told = preheat("plan", *catalog, "--against", "main")
    assert told.exit_code == 1
    assert "the policy is removed" in told.stdout
    assert "include/policies/library-base.yaml:" in told.stderr


def test_one_policy_only(preheat: Preheat, repository: Path, catalog: Catalog) -> None:
    """Names choose among the policies of now and then."""
    (repository / "policies" / "ml-serving.yaml").unlink()
    assert list(changes(preheat, catalog, "ml-serving")) == ["ml-serving"]
    found = preheat("plan", "ml-servin", *catalog, "--against", "main")
    assert found.exit_code == 2
    assert "now or then. Did you mean ml-serving?" in found.stderr


def test_clusters_of_then(preheat: Preheat, repository: Path, catalog: Catalog) -> None:
    """A cluster that another label selects changes plans though no policy file did."""
    file = repository / "clusters.yaml"
    file.write_text(file.read_text().replace("region: us", "region: eu"))
    found = changes(preheat, catalog, "ml-serving")["ml-serving"]
    (image,) = found["images"]
    assert [place["cluster"] for place in image["added"]] == ["us-1"]
    assert (found["removed"], found["unchanged"]) == (0, 1)


def test_another_pull_endpoint(preheat: Preheat, repository: Path, catalog: Catalog) -> None:
    """What is warmed by another address is told by the address, and where it was changed."""
    file = repository / "clusters.yaml"
    old, new = "http://127.0.0.1:8085", "https://mirror.example.com"
    first, second = file.read_text().split("- name: us-1")
    file.write_text(f"{first.replace(old, new)}- name: us-1{second}")
    found = preheat("plan", "library-base", *catalog, "--against", "main")
    told = " ".join(found.stdout.split())
    assert f"clusters.eu-1.pullEndpoints.harbor_default: {old} -> {new}" in told
    assert f"linux/amd64 eu-1 all_seed_peers by {new}" in told
    assert f"linux/amd64 eu-1 all_seed_peers by {old}" in told
    comment = preheat("plan", *catalog, "--against", "main", "--markdown").stdout
    assert "eu-1 all&#95;seed&#95;peers by https&#58;//mirror" in comment


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("schedulerClusterId: 1", "schedulerClusterId: 9", "clusters.eu-1.schedulerClusterId"),
        ("region: eu", "region: eu, tier: gold", "clusters.eu-1.labels.tier: nothing -> gold"),
        ("region: us", "region: eu", "clusters: [eu-1] -> [eu-1, us-1]"),
        ("hosts: {seedPeers", "platforms: [linux/arm64]\n    hosts: {seedPeers", "platforms: ["),
        ("seedPeers: [10.", "seedPeers: [11.", "clusters.eu-1.hosts.seedPeers: ["),
    ],
)
def test_changed_settings_of_clusters(
    preheat: Preheat, repository: Path, catalog: Catalog, old: str, new: str, told: str
) -> None:
    """They show at every policy that uses the cluster, though no policy file changed."""
    file = repository / "clusters.yaml"
    text = file.read_text()
    if "platforms" in new:
        text = text.replace("    platforms: [linux/amd64]\n", "")
    assert old in text
    file.write_text(text.replace(old, new, 1))
    found = preheat("plan", "ml-serving", *catalog, "--against", "main")
    assert told in found.stdout


def test_what_the_other_branch_did_since_is_not_ours(
    preheat: Preheat, repository: Path, catalog: Catalog
) -> None:
    """The comparison is with where HEAD left the branch, as a pull request's."""
    git("checkout", "--quiet", "-b", "mine")
    edit(repository, "web-frontends", "take: {newest: 2}", "take: {newest: 1}")
    git("commit", "--quiet", "--all", "--message=mine")
    git("checkout", "--quiet", "main")
    edit(repository, "library-base", "{exact: hello}", "{exact: postgres}")
    git("commit", "--quiet", "--all", "--message=theirs")
    git("checkout", "--quiet", "mine")
    found = preheat("plan", *catalog, "--against", "main")
    assert "The same as before: library-base, ml-serving." in found.stdout
    assert "Against main as it was when HEAD left it (" in found.stdout
    against = json.loads(preheat("plan", *catalog, "--against", "main", "--json").stdout)["against"]
    assert against["commit"] != against["tip"]


def test_a_revision_without_a_common_ancestor(
    preheat: Preheat, repository: Path, catalog: Catalog
) -> None:
    """As in a shallow clone: the revision itself is compared with, which is told."""
    git("checkout", "--quiet", "--orphan", "other")
    git("commit", "--quiet", "--message=other")
    found = preheat("plan", *catalog, "--against", "main")
    assert found.exit_code == 0
    assert "git knows no common ancestor with HEAD" in found.stdout


def test_another_scope_is_another_placement(
    preheat: Preheat, repository: Path, catalog: Catalog
) -> None:
    """What is warmed on more peers comes and goes at once."""
    edit(repository, "ml-serving", "all_seed_peers", "all_peers")
    (image,) = changes(preheat, catalog)["ml-serving"]["images"]
    assert [place["scope"] for place in image["added"]] == ["all_peers"]
    assert [place["scope"] for place in image["removed"]] == ["all_seed_peers"]


def test_files_that_were_broken_then(preheat: Preheat, repository: Path, catalog: Catalog) -> None:
    """What selected nothing then adds all of it now, and the reader learns why."""
    edit(repository, "ml-serving", "newest: 2", "newest: two")
    (repository / "policies" / "latin.yaml").write_bytes(b"# \xe9\n")
    clusters = repository / "clusters.yaml"
    clusters.rename("clusters.yaml")
    git("add", "--all", "include")
    git("commit", "--quiet", "--message=broken")
    Path("clusters.yaml").rename(clusters)
    edit(repository, "ml-serving", "newest: two", "newest: 2")
    found = preheat("plan", *catalog, "--against", "main")
    told = " ".join(found.stdout.split())
    assert "main has no include/clusters.yaml: today's clusters hold for both." in told
    assert "ml-serving: 1 added, 0 removed, 0 unchanged" in told
    assert "It had 1 problem then, and selected nothing." in told
    assert found.exit_code == 1


def test_a_comment_for_a_pull_request(preheat: Preheat, repository: Path, catalog: Catalog) -> None:
    """The tables hold what comes and goes; names are shown as code."""
    edit(repository, "web-frontends", "take: {newest: 2}", "take: {newest: 3}")
    comment = preheat("plan", *catalog, "--against", "main", "--markdown").stdout
    assert "### Preheat plan: what changes" in comment
    (row,) = [line for line in comment.splitlines() if line.startswith("| added")]
    assert "<code>web/frontend&#58;2.3.9</code>" in row
    assert row.count("|") == 7
    assert "The same as before: <code>library-base</code>, <code>ml-serving</code>." in comment


def test_a_policy_that_would_fail(preheat: Preheat, repository: Path, catalog: Catalog) -> None:
    """A change that makes runs fail is wrong, whatever else it changes."""
    file = repository / "policies" / "library-base.yaml"
    file.write_text(f"{file.read_text()}  budget: {{maxImages: 1, onExceed: fail}}\n")
    found = preheat("plan", *catalog, "--against", "main")
    assert found.exit_code == 1
    assert "The run will fail: The plan is over its budget" in found.stdout


@pytest.mark.parametrize("ref", ["nosuch", "--help", "HEAD:include", "main~5", ""])
def test_an_unknown_revision(
    preheat: Preheat, repository: Path, catalog: Catalog, ref: str
) -> None:
    """No word is taken for an option of git; an empty one compares with nothing."""
    found = preheat("plan", *catalog, f"--against={ref}")
    assert found.exit_code == (2 if ref else 0)
    assert (f"git knows no revision {ref!r}" in found.stderr) == bool(ref)


def test_no_repository(preheat: Preheat, include: Path, catalog: Catalog) -> None:
    """Outside of a repository the words are git's own."""
    found = preheat("plan", *catalog, "--against", "main")
    assert found.exit_code == 2
    assert "not a git repository" in found.stderr


def test_no_git(
    preheat: Preheat, repository: Path, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine without git is told what is missing."""
    monkeypatch.setenv("PATH", "/nonexistent")
    found = preheat("plan", *catalog, "--against", "main")
    assert (found.exit_code, found.stdout) == (2, "")
    assert "--against needs git" in found.stderr


def test_a_folder_that_was_not_there(preheat: Preheat, repository: Path, catalog: Catalog) -> None:
    """Policies in a folder that the revision does not have are all new."""
    repository.rename("elsewhere")
    words = (*catalog, "--include", "elsewhere", "--against", "main", "--json")
    found = json.loads(preheat("plan", *words).stdout)
    assert {change["status"] for change in found["changes"]} == {"new"}
    assert "has no elsewhere/clusters.yaml" in found["against"]["note"]
