"""Catalogues as files: what a line means, what is said of a bad one, and how fast many are read."""

from __future__ import annotations

import io
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from preheat.artifact import Blob, Child, Image, ScanSummary, Tag
from preheat.catalogfile import (
    CatalogueFile,
    artifact_line,
    child_line,
    load,
    load_lines,
    project_line,
)
from preheat.errors import InputError, ProblemsError
from preheat.facts import Allowlist, Kind, Question, Report, Vulnerability
from preheat.harbor.answers import ArtifactAnswer

if TYPE_CHECKING:
    from preheat.artifact import Artifact
    from preheat.facts import Answer

RECORDED = Path(__file__).parents[1] / "data" / "recorded" / "harbor"
ONE, TWO, THREE = (f"sha256:{n:064x}" for n in (1, 2, 3))
HARBOR = "harbor_default"


def recorded(name: str) -> Any:
    """Read the body of a recorded answer."""
    text = json.loads((RECORDED / f"{name}.json").read_text("utf-8"))["response"]["body_text"]
    return json.loads(text)


def lines(*objects: object) -> CatalogueFile:
    """Load objects, one a line."""
    text = "".join(f"{json.dumps(entry)}\n" for entry in objects)
    return load_lines(io.BytesIO(text.encode()), HARBOR, "catalogue.jsonl")


def answer(file: CatalogueFile, kind: Kind, artifact: Artifact) -> Answer:
    """Look an answer up; fails where the file has none."""
    return file.facts[Question.of_artifact(kind, artifact)]


def app(digest: str = ONE, **more: object) -> dict[str, object]:
    """Write an artifact as somebody does by hand."""
    return {"repository_name": "web/app", "digest": digest, **more}


def test_two_keys_are_enough() -> None:
    """By hand, an image needs its repository and its digest."""
    (found,) = lines(app()).artifacts
    assert (found.registry, found.full_name, found.digest) == (HARBOR, "web/app", ONE)
    assert (found.type, found.tags, found.push_time) == ("IMAGE", (), None)


def test_a_recorded_listing_loads_like_the_listing() -> None:
    """Harbor's own pages need no change: a page a line, or an array written over many lines."""
    page = recorded("project-artifacts-keyset")
    by_line = lines(*page).artifacts
    assert [found.id for found in by_line] == [row["id"] for row in page]
    assert lines(page).artifacts == by_line
    pretty = io.BytesIO(json.dumps(page, indent=2).encode())
    assert load_lines(pretty, HARBOR, "x").artifacts == by_line
    index = next(found for found in by_line if found.children[1:])
    assert [child.platform for child in index.children] == ["linux/amd64", "linux/arm64/v8"]
    assert index.tags == (Tag("v3", datetime(2026, 11, 24, 3, 55, 26, 769000, tzinfo=UTC)),)


def test_a_plain_listing_knows_nothing_of_scans() -> None:
    """Harbor writes accessories null whether asked for or not: that is no answer."""
    file = lines(*recorded("project-artifacts-keyset"))
    assert not any(question.kind is Kind.REPORT for question in file.facts)


def test_one_scan_makes_the_others_never_scanned() -> None:
    """In a listing with overviews, Harbor leaves the key out where there was no scan."""
    critical = recorded("artifact-scan-overview-crit")
    unscanned = recorded("artifact-scan-overview-absent") | {"digest": TWO}
    file = lines(unscanned, critical)
    first, second = file.artifacts
    ended = datetime(2026, 11, 24, 4, 43, 6, tzinfo=UTC)
    assert answer(file, Kind.REPORT, second) == Report(ScanSummary("Success", "Critical", ended))
    assert answer(file, Kind.REPORT, first) == Report()


def test_accessories_are_an_answer() -> None:
    """A signed artifact has its signatures, others none (recorded: artifact-with-accessory)."""
    file = lines(recorded("artifact-with-accessory"), app())
    signed, other = file.artifacts
    report = answer(file, Kind.REPORT, signed)
    assert isinstance(report, Report)
    assert "signature.cosign" in report.accessories
    assert answer(file, Kind.REPORT, other) == Report()


def test_our_own_keys_tell_findings_blobs_and_allowlists() -> None:
    """What Harbor's listing cannot hold has keys of ours."""
    attrs = {"os": "linux", "architecture": "amd64"}
    found = [{"id": "CVE-1", "severity": "High"}, {"id": "CVE-1", "severity": "High"}]
    blobs = [{"digest": TWO, "size": 5}, {"digest": THREE, "size": 7}]
    file = lines(
        app(extra_attrs=attrs, vulnerabilities=found, blobs=blobs, size=1000),
        {"project": "web", "cve_allowlist": {"items": [{"cve_id": "CVE-1"}], "expires_at": 0}},
    )
    (image,) = file.artifacts
    assert answer(file, Kind.VULNERABILITIES, image) == (Vulnerability("CVE-1", "High"),)
    question = Question.of_image(image, image.children[0])
    assert file.facts[question] == Image(ONE, "linux/amd64", (Blob(TWO, 5), Blob(THREE, 7)))
    allowlist = file.facts[Question.of_project(image)]
    assert allowlist == Allowlist(frozenset({"CVE-1"}), datetime(1970, 1, 1, tzinfo=UTC))


def index_with_children(*, tags: object = None) -> tuple[dict[str, object], ...]:
    """Write an index over two platforms, and a line for the first."""
    arm = {"os": "linux", "architecture": "arm64", "variant": "v8"}
    references = [
        {"child_digest": TWO, "platform": arm},
        {"child_digest": THREE, "platform": {"os": "linux", "architecture": "amd64"}},
    ]
    child = app(TWO, size=50, extra_attrs={"os": "linux", "architecture": "arm64"}, tags=tags)
    return child, app(references=references, tags=[{"name": "v1"}])


def test_a_child_s_line_is_for_its_size() -> None:
    """The child is no candidate; its size answers under the platform as the index says it."""
    file = lines(*index_with_children())
    (index,) = file.artifacts
    with_size, without = (Question.of_image(index, child) for child in index.children)
    assert file.facts[with_size] == Image.of_size(TWO, "linux/arm64/v8", 50)
    assert without not in file.facts


def test_a_tagged_child_is_a_candidate_too() -> None:
    """Harbor lists children that somebody tagged."""
    file = lines(*index_with_children(tags=[{"name": "v1-arm"}]))
    assert [found.digest for found in file.artifacts] == [TWO, ONE]


def test_a_later_line_replaces_an_earlier_one() -> None:
    """Pages that overlap around a moving tag name an artifact twice."""
    (found,) = lines(app(tags=[{"name": "old"}]), app(tags=[{"name": "new"}])).artifacts
    assert [tag.name for tag in found.tags] == ["new"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "no JSON object"),
        ("web/app:v1", "jq -c"),
        ("3", "Expected `object`, got `int`"),
        ('{"digest": "sha256:1"}', "digest"),
        (json.dumps({"digest": ONE}), "repository_name is ''; it must be project/repository"),
        (json.dumps(app() | {"repository_name": "app"}), "repository_name is 'app'"),
        ('{"repository_name": "web/app"}', "digest is missing"),
        (json.dumps(app(push_time="yesterday")), "$.push_time"),
        (json.dumps(app(tags=["v1"])), "$.tags[0]"),
        (json.dumps(app(blobs=[{"digest": TWO, "size": -1}])), "$.blobs[...].size"),
        ('{"project": "web"}', "no cve_allowlist"),
    ],
)
def test_a_bad_line_is_told_with_its_number(text: str, told: str) -> None:
    """What is wrong, where, and what to do."""
    with pytest.raises(ProblemsError) as caught:
        load_lines(io.BytesIO(f"\n{text}\n".encode()), HARBOR, "catalogue.jsonl")
    (problem,) = caught.value.problems
    assert (problem.source, problem.line) == ("catalogue.jsonl", 2)
    assert told.replace("[...]", "[0]") in problem.message or told in problem.message


def test_bad_lines_are_told_together_but_not_all() -> None:
    """Twenty of them, and how many more there are; an entry of an array has its place."""
    text = "[" + ",".join(["{}"] * 25) + "]\n{}\n"
    with pytest.raises(ProblemsError) as caught:
        load_lines(io.BytesIO(text.encode()), HARBOR, "x")
    problems = caught.value.problems
    assert (len(problems), problems[4].line, problems[4].path) == (21, 1, "[4]")
    assert problems[-1].message == "6 more lines are wrong."


def test_bytes_that_windows_puts_in_front_are_no_problem() -> None:
    """A byte order mark is skipped; UTF-16 is refused with what to do."""
    text = json.dumps(app())
    found = load_lines(io.BytesIO(text.encode("utf-8-sig")), HARBOR, "x")
    assert len(found.artifacts) == 1
    with pytest.raises(InputError, match="UTF-8"):
        load_lines(io.BytesIO(text.encode("utf-16")), HARBOR, "x")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """The path and the reason."""
    with pytest.raises(InputError, match=r"no\.jsonl cannot be read: No such file"):
        load(tmp_path / "no.jsonl", HARBOR)


@pytest.mark.parametrize(
    "name",
    [
        *("artifact-scan-overview-crit", "artifact-scan-overview-absent", "artifact-helm"),
        *("artifact-with-accessory", "artifact-index-by-tag", "artifact-cnai-old-media-type"),
        "artifact-scan-overview-scanfail",
    ],
)
def test_what_is_written_reads_back_the_same(name: str) -> None:
    """A saved artifact is the listed one; its config's environment is not written."""
    row = recorded(name) | {"repository_name": "team-a/app"}
    found = msgspec.json.decode(json.dumps(row), type=ArtifactAnswer)
    told = (Vulnerability("CVE-1", "High"),)
    line = artifact_line(found, vetted=True, vulnerabilities=told)
    again, before = load_lines([line], HARBOR, "x"), lines(row)
    assert again.artifacts == before.artifacts
    (artifact,) = again.artifacts
    assert answer(again, Kind.REPORT, artifact) == Report(found.scan(), found.accessory_types())
    assert answer(again, Kind.VULNERABILITIES, artifact) == told
    assert b"Env" not in line
    assert b"MARK" not in line


def test_children_and_allowlists_read_back_too() -> None:
    """An index, its platforms and its project's allowlist make the same facts."""
    _, index = index_with_children()
    image = Image(TWO, "linux/arm64/v8", (Blob(THREE, 3), Blob(ONE, 4)))
    expires = datetime(2027, 1, 1, tzinfo=UTC)
    allowlist = Allowlist(frozenset({"CVE-1", "CVE-2"}), expires)
    text = [json.dumps(index).encode(), child_line("web/app", image)]
    file = load_lines([*text, project_line("web", allowlist)], HARBOR, "x")
    (found,) = file.artifacts
    assert file.facts[Question.of_image(found, Child(TWO, "linux/arm64/v8"))] == image
    assert file.facts[Question.of_project(found)] == allowlist


def test_many_lines_load_quickly(tmp_path: Path) -> None:
    """A large Harbor's catalogue, with scans, is there in seconds: 100,000 lines take two."""
    row = json.dumps(recorded("artifact-scan-overview-crit"))
    digest = recorded("artifact-scan-overview-crit")["digest"]
    path = tmp_path / "large.jsonl"
    with path.open("w") as file:
        for number in range(20_000):
            file.write(row.replace(digest, f"sha256:{number:064x}") + "\n")
    began = time.process_time()
    found = load(path, HARBOR)
    assert len(found.artifacts) == 20_000
    assert time.process_time() - began < 5
