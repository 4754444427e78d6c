"""Markdown of our own DAGs' documents, as HTML; what HTML is in it stands there as text."""

from __future__ import annotations

from markdown_it import MarkdownIt
from markupsafe import Markup

__all__ = ["html_of"]

_BELOW = 2  # the page's own headings come first


def html_of(text: str) -> Markup:
    """Turn it into HTML that holds no markup of anybody else's."""
    reader = MarkdownIt("commonmark", {"html": False, "linkify": False}).disable(["image", "link"])
    tokens = reader.parse(text)
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(6, max(int(token.tag[1:]), _BELOW + 1))}"
    return Markup(reader.renderer.render(tokens, reader.options, {}))  # noqa: S704 - made by the renderer, which escapes
