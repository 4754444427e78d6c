"""The OpenAPI document: complete, kept in the repository, with examples that are right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from preheat.policy.folder import load_text
from preheat.policy.loader import load_clusters, read_text
from preheat.web.api.starting import WarmOrder
from preheat.web.api.validating import PolicyText
from preheat.web.app import make_app
from preheat.web.document import document_of, written
from preheat.web.refusing import MEDIA_TYPE

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "docs" / "reference" / "openapi.json"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """Make the document once."""
    return document_of(make_app())


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Give all operations of the API by their ids."""
    return {
        one["operationId"]: one
        for path, methods in document["paths"].items()
        for one in methods.values()
        if path.startswith("/api/")
    }


def test_the_repository_has_it_as_it_is() -> None:
    """Else: make reference."""
    assert KEPT.read_text("utf-8") == written(make_app())


def test_every_operation_is_described(document: dict[str, Any]) -> None:
    """With a tag, a summary, words, and what it may answer instead, as problem details."""
    found = operations(document)
    assert len(found) == sum(
        path.startswith("/api/") and len(methods) for path, methods in document["paths"].items()
    )
    for name, one in found.items():
        assert one["tags"], name
        assert one["summary"], name
        assert one["description"], name
        assert set(one["responses"]) >= {"401", "403", "404", "422", "500", "503"}, name
        for status, answer in one["responses"].items():
            if status >= "400":
                assert list(answer["content"]) == [MEDIA_TYPE], (name, status)
    assert "409" in found["check_warm"]["responses"]
    for name in ("warm_images", "verify_placements", "preview_plan", "validate_policy"):
        assert set(found[name]["responses"]) >= {"400", "408", "413", "415"}


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    """Also those of refusals, which FastAPI does not know."""
    schemas = document["components"]["schemas"]
    wanted: set[str] = set()

    def walk(part: Any) -> None:
        if isinstance(part, dict):
            wanted.update(value for key, value in part.items() if key == "$ref")
            part = list(part.values())
        if isinstance(part, list):
            for one in part:
                walk(one)

    walk(document)
    assert {name.rpartition("/")[2] for name in wanted} <= set(schemas)


def test_examples_are_right(document: dict[str, Any]) -> None:
    """What a reader copies works."""
    schemas = document["components"]["schemas"]
    WarmOrder.model_validate(schemas["WarmOrder"]["examples"][0])
    order = PolicyText.model_validate(schemas["PolicyText"]["examples"][0])
    clusters = load_clusters(read_text(ROOT / "include" / "clusters.yaml"), "clusters.yaml")
    assert load_text(Path("web.yaml"), order.text, clusters).problems == ()
