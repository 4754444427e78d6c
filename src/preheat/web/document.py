"""The OpenAPI document of all that is served; as a program, writes it to a file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preheat.web.api.gate import NotWarmBody
from preheat.web.contract import RefusalBody

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["document_of", "written"]

_MODELS = "#/components/schemas/{model}"


def document_of(app: FastAPI) -> dict[str, Any]:
    """Describe an app, refusals too: FastAPI does not know them, for no route returns them."""
    document = app.openapi()
    schemas = document["components"]["schemas"]
    for model in (RefusalBody, NotWarmBody):
        whole = model.model_json_schema(ref_template=_MODELS)
        for name, schema in whole.pop("$defs", {}).items():
            schemas.setdefault(name, schema)
        schemas.setdefault(model.__name__, whole)
    return document


def written(app: FastAPI) -> str:
    """Write the document as the repository keeps it."""
    document = document_of(app) | {"servers": [{"url": "/preheat"}]}
    return json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def main() -> None:
    """Write the document to the file that is named."""
    from preheat.web.app import make_app  # noqa: PLC0415 - which imports this module

    Path(sys.argv[1]).write_text(written(make_app()), encoding="utf-8")


if __name__ == "__main__":
    main()
