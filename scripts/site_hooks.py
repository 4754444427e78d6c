"""What MkDocs calls while it builds the site: brings in the pages that lie beside ``docs/``.

The words and the changelog belong at the top of the repository, where people and tools look for
them. On the site they are pages as all others, so links to and from them are turned accordingly;
on GitHub they work as they are written.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

__all__ = ["on_files", "on_page_markdown"]

BESIDE = ("CONTEXT.md", "CHANGELOG.md")
"""Pages that lie at the top of the repository."""
_TO_BESIDE = re.compile(r"\]\((?:\.\./)+(?=(?:CONTEXT|CHANGELOG)\.md[)#])")
_TO_DOCS = re.compile(r"\]\(docs/")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from beside the folder."""
    top = Path(config.config_file_path).parent
    for name in BESIDE:
        content = (top / name).read_text(encoding="utf-8")
        files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Turn links between the folder and the pages beside it."""
    if page.file.src_uri in BESIDE:
        return _TO_DOCS.sub("](", markdown)
    up = posixpath.relpath(".", posixpath.dirname(page.file.src_uri) or ".")
    return _TO_BESIDE.sub("](" if up == "." else f"]({up}/", markdown)
