"""``preheat plan`` where several artifacts of a repository hold the same image of a platform."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    Preheat = Callable[..., Result]

RELEASES = """\
apiVersion: preheat/v1alpha1
kind: PreheatPolicy
metadata: {name: releases}
spec:
  sources: [{registry: harbor_default, projects: [library]}]
  rules: [{name: released, tags: {allow: [{glob: "v*"}]}}]
  targets: [{cluster: eu-1, scope: all_seed_peers}]
  triggers: {schedule: {cron: "0 2 * * *", timezone: UTC}}
"""


def digest(name: str) -> str:
    """Give a digest that follows from a name."""
    return f"sha256:{hashlib.sha256(name.encode()).hexdigest()}"


def index(tag: str, pushed: str, *children: str) -> str:
    """Write a line of an index whose children have these names, one a platform."""
    platforms = [{"os": "linux", "architecture": name} for name in ("amd64", "arm64")]
    return json.dumps({
        "repository_name": "library/app",
        "digest": digest(tag),
        "push_time": f"{pushed}T00:00:00Z",
        "tags": [{"name": tag, "push_time": f"{pushed}T00:00:00Z"}],
        "references": [
            {"child_digest": digest(name), "platform": platform}
            for name, platform in zip(children, platforms, strict=False)
        ],
    })


@pytest.fixture
def catalog(include: Path) -> tuple[str, ...]:
    """Write a policy on releases, and a newer index ``dev`` that shares an image with ``v1``."""
    (include / "policies" / "releases.yaml").write_text(RELEASES)
    lines = [index("dev", "2026-11-22", "shared", "new"), index("v1", "2026-11-20", "shared")]
    Path("catalog.jsonl").write_text("\n".join(lines))
    return ("--catalog", "catalog.jsonl", "--at", "2026-11-24T12:00Z")


def test_an_image_belongs_to_the_artifact_that_was_taken(
    preheat: Preheat, catalog: tuple[str, ...]
) -> None:
    """Not to the newest that holds it: name, tags and reason are those of the decision."""
    found = preheat("plan", "releases", *catalog, "--json")
    assert found.exit_code == 0
    ((image,),) = [plan["images"] for plan in json.loads(found.stdout)["plans"]]
    assert (image["image"], image["digest"]) == ("library/app:v1", digest("shared"))
    assert image["tags"] == ["v1"]
    assert [reason["code"] for reason in image["why"]] == ["SELECTED"]


@pytest.mark.parametrize("words", [(), ("--all",), ("--markdown",)])
def test_every_way_to_show_it(
    preheat: Preheat, catalog: tuple[str, ...], words: tuple[str, ...]
) -> None:
    """A terminal and a comment name the same image."""
    found = preheat("plan", "releases", *catalog, *words)
    assert found.exit_code == 0
    assert "app" in found.stdout
    assert "1 image" in found.stdout
