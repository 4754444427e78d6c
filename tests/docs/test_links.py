"""Links and pictures of the documents, as GitHub shows them."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree as ET

import pytest
from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
TOP = ("README.md", "CONTEXT.md", "CHANGELOG.md", "AGENTS.md")
DOCUMENTS = [*TOP, *(str(file.relative_to(ROOT)) for file in sorted(ROOT.glob("docs/**/*.md")))]
# By these GitHub and the site show a picture in one theme only.
THEMED = {"gh-light-mode-only", "gh-dark-mode-only"}
PICTURES = sorted(ROOT.glob("docs/pictures/*.svg"))


@cache
def parsed(document: Path) -> tuple[tuple[str, ...], frozenset[str], tuple[tuple[str, str], ...]]:
    """Read a document: its links, the names of its headings, its pictures with their words."""
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(document.read_text(encoding="utf-8"))
    links: list[str] = []
    pictures: list[tuple[str, str]] = []
    names: Counter[str] = Counter()
    anchors: set[str] = set()
    for before, token in zip([None, *tokens], tokens, strict=False):
        children = token.children or []
        links += [str(one.attrs["href"]) for one in children if one.type == "link_open"]
        pictures += [
            (str(one.attrs["src"]), one.content) for one in children if one.type == "image"
        ]
        if before is not None and before.type == "heading_open":
            text = "".join(one.content for one in children if one.type in {"text", "code_inline"})
            slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            anchors.add(f"{slug}-{names[slug]}" if names[slug] else slug)
            names[slug] += 1
    return tuple(links), frozenset(anchors), tuple(pictures)


def wrong_with(document: Path, link: str) -> str:
    """Say why a link leads nowhere; "" where it leads somewhere, or out of the repository."""
    url = urlsplit(link)
    if url.scheme or url.netloc:
        return "" if url.scheme == "https" else "not https"
    target = (document.parent / unquote(url.path)).resolve() if url.path else document
    if not target.is_relative_to(ROOT):
        return "outside of the repository"
    if not target.exists():
        return "no such file"
    if target.suffix == ".png":
        return "" if url.fragment in THEMED else "neither light nor dark"
    if url.fragment and url.fragment not in parsed(target)[1]:
        return f"no such heading in {target.name}"
    return ""


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_leads_somewhere(name: str) -> None:
    """Files and headings are there, by GitHub's way to name headings."""
    document = ROOT / name
    links, _, pictures = parsed(document)
    targets = [*links, *(source for source, _ in pictures)]
    found = {link: wrong for link in targets if (wrong := wrong_with(document, link))}
    assert found == {}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_picture_says_in_words_what_it_shows(name: str) -> None:
    """Whoever cannot see it is told."""
    assert [source for source, words in parsed(ROOT / name)[2] if len(words) < 20] == []


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_a_picture_stands_for_itself(picture: Path) -> None:
    """It is well-formed, has a title, and fetches nothing."""
    drawing = ET.parse(picture)  # noqa: S314 - our own files
    assert drawing.findtext("{http://www.w3.org/2000/svg}title")
    names = {name.rpartition("}")[2] for one in drawing.iter() for name in one.attrib}
    assert names & {"href", "src"} == set()
    assert "url(http" not in picture.read_text(encoding="utf-8")


def test_a_link_that_leads_nowhere_is_found() -> None:
    """The test above can fail: by file, by heading, and by scheme."""
    readme = ROOT / "README.md"
    assert wrong_with(readme, "docs/nothing.md") == "no such file"
    assert wrong_with(readme, "docs/policy.md#nothing") == "no such heading in policy.md"
    picture = "docs/pictures/screens/coverage-light.png"
    assert wrong_with(readme, picture) == "neither light nor dark"
    assert wrong_with(readme, "../elsewhere.md") == "outside of the repository"
    assert wrong_with(readme, "http://example.com") == "not https"
