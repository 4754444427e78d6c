"""A catalogue walked over HTTP and read back from its file: the same plan input, without Harbor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from preheat.artifact import Image
from preheat.catalogfile import CatalogueFile, load_lines
from preheat.cli.saving import Walk, Wanted
from preheat.facts import Allowlist, Kind, Question, Report
from preheat.sandbox.harbor import Permission

if TYPE_CHECKING:
    from conftest import HarborSite
    from preheat.artifact import Artifact
    from preheat.facts import Facts
    from preheat.harbor.client import HarborClient
    from preheat.sandbox import Sandbox


def saved(client: HarborClient, wanted: Wanted) -> tuple[CatalogueFile, Walk]:
    """Walk and read back."""
    walk = Walk(client, wanted)
    return load_lines(list(walk.lines()), client.registry, "catalogue.jsonl"), walk


def bare(artifact: Artifact) -> tuple[object, ...]:
    """Take an artifact without its times, which a live Harbor moves."""
    tags = tuple(tag.name for tag in artifact.tags)
    return artifact.id, artifact.digest, tags, artifact.labels, artifact.children


def test_a_saved_project_is_the_listed_one(harbor: HarborSite) -> None:
    """Every artifact of the listing, each once, with what plans look at."""
    client = harbor.client()
    file, walk = saved(client, Wanted((harbor.project,), scan=False))
    listed = list(client.project_artifacts(harbor.project, labels=True))
    assert sorted(map(bare, file.artifacts)) == sorted(map(bare, listed))
    assert walk.counts == {"projects": 1, "artifacts": len(listed)}
    assert not any(question.kind is Kind.REPORT for question in file.facts)


@pytest.fixture
def demo(harbor: HarborSite, request: pytest.FixtureRequest) -> HarborClient:
    """Give the client of the demo's Harbor; the live one may hold anything."""
    if "live" in request.node.name:
        pytest.skip("looks for what the demo holds")
    return harbor.client()


def known(facts: Facts, kind: Kind) -> Facts:
    """Give the answers of one kind."""
    return {question: answer for question, answer in facts.items() if question.kind is kind}


def test_saved_answers_are_those_that_harbor_gives(demo: HarborClient) -> None:
    """Reports, findings, manifests and allowlists: the file answers as the client does."""
    file, _ = saved(demo, Wanted(("payments",), cves=True, manifests=True))
    tagged = [found for found in file.artifacts if found.tags and found.type == "IMAGE"]
    questions = [
        *(Question.of_artifact(Kind.REPORT, found) for found in file.artifacts),
        *(Question.of_artifact(Kind.VULNERABILITIES, found) for found in file.artifacts),
        *(Question.of_image(found, child) for found in tagged for child in found.children),
        Question(Kind.ALLOWLIST, demo.registry, "payments"),
    ]
    answers = {question: found for question, found in demo.answer(questions).items() if found}
    assert {question: file.facts.get(question) for question in answers} == answers
    reports = known(file.facts, Kind.REPORT).values()
    assert any(isinstance(found, Report) and found.scan and found.accessories for found in reports)
    assert any(isinstance(found, Allowlist) and found.ids for found in answers.values())
    assert all(isinstance(found, Image) for found in known(file.facts, Kind.IMAGE).values())


def test_manifests_are_left_alone_unless_wanted(demo: HarborClient) -> None:
    """Each manifest that is read counts as a pull in Harbor: saving reads none by itself."""
    saved(demo, Wanted(("payments", "web"), cves=True))
    assert demo.counts["manifest"] == 0


def test_globs_choose_projects(demo: HarborClient) -> None:
    """Several globs, as policies have them; none that matches is told by the count."""
    file, walk = saved(demo, Wanted(("research-*", "web"), scan=False))
    assert {found.project for found in file.artifacts} == {"research-a", "research-b", "web"}
    assert walk.counts["projects"] == 3
    assert saved(demo, Wanted(("nothing-*",)))[1].counts == {}


def test_a_robot_that_may_not_see_allowlists_saves_the_rest(
    harbor: HarborSite, sandbox: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without project:read the allowlist is left out, and that is said."""
    if harbor.url != sandbox.harbor_url:
        pytest.skip("needs a robot of its own")
    accounts = sandbox.harbor.state.accounts
    accounts.add_robot("robot$few", "few-secret", [Permission.project("ml", {"artifact:list"})])
    client = harbor.client(username="robot$few", secret="few-secret")
    file, _ = saved(client, Wanted(("ml",)))
    assert file.artifacts
    assert known(file.facts, Kind.REPORT)
    assert not known(file.facts, Kind.ALLOWLIST)
    told = capsys.readouterr().err
    assert "project:read" in told
    assert "few-secret" not in told
