"""The site that ``make docs`` builds: complete, and readable where there is no internet."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# What a browser fetches by itself, by tag; a link that somebody must click is none of it.
FETCHED = {
    **dict.fromkeys(("audio", "embed", "iframe", "img", "input", "script", "source"), "src"),
    **dict.fromkeys(("track", "video"), "src"),
    **dict.fromkeys(("image", "link", "use"), "href"),
    "object": "data",
}
ELSEWHERE = re.compile(r"\s*(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
IN_CSS = re.compile(r"""(?:url\(|@import)\s*["']?([^"')\s;]+)""")


class Fetches(HTMLParser):
    """Collects what a page fetches."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.classes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at one tag."""
        values = {name: value or "" for name, value in attrs}
        self.classes.update(values.get("class", "").split())
        self.found += IN_CSS.findall(values.get("style", ""))
        self.found += [part.split()[0] for part in values.get("srcset", "").split(",") if part]
        if source := values.get(FETCHED.get(tag, ""), ""):
            self.found.append(source)

    def handle_data(self, data: str) -> None:
        """Look at styles that stand in the page."""
        self.found += IN_CSS.findall(data) if self.cdata_elem == "style" else []


def fetches(page: str) -> Fetches:
    """Read a page."""
    reader = Fetches()
    reader.feed(page)
    return reader


def nav_pages(entry: Any) -> Iterator[str]:
    """Give the pages below an entry of the navigation."""
    if isinstance(entry, str):
        yield entry
    for below in entry.values() if isinstance(entry, dict) else ():
        yield from nav_pages(below)
    for below in entry if isinstance(entry, list) else ():
        yield from nav_pages(below)


@pytest.fixture(scope="module")
def config(root: Path) -> dict[str, Any]:
    """Read what MkDocs is told."""
    return yaml.safe_load((root / "mkdocs.yml").read_text(encoding="utf-8"))


def test_every_page_is_in_the_navigation(root: Path, config: dict[str, Any]) -> None:
    """A page that nobody can find is not there; one that is there twice confuses."""
    listed = sorted(nav_pages(config["nav"]))
    docs = root / "docs"
    pages = [str(file.relative_to(docs)) for file in docs.rglob("*.md")]
    assert listed == sorted([*pages, "CONTEXT.md", "CHANGELOG.md"])


def test_the_site_has_every_page(site: Path, config: dict[str, Any]) -> None:
    """It builds strictly, without a link or anchor that leads nowhere."""
    pages = {page.replace("README.md", "index.md") for page in nav_pages(config["nav"])}
    built = {str(file.relative_to(site)) for file in site.rglob("*.html")} - {"404.html"}
    assert built == {page.removesuffix("md") + "html" for page in pages}


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    """No fonts, scripts or pictures of other hosts, in pages and in styles."""
    found = {}
    for page in site.rglob("*.html"):
        read = fetches(page.read_text(encoding="utf-8"))
        found[page.name] = [source for source in read.found if ELSEWHERE.match(source)]
        # The theme fetches what draws these from a CDN, and only where a page has one.
        assert "mermaid" not in read.classes, page.name
    for style in site.rglob("*.css"):
        sources = IN_CSS.findall(style.read_text(encoding="utf-8"))
        found[style.name] = [source for source in sources if ELSEWHERE.match(source)]
    assert {name: sources for name, sources in found.items() if sources} == {}


def test_what_is_loaded_from_elsewhere_is_found() -> None:
    """The test above can fail, in each of the ways to fetch something."""
    page = """
      <link href="https://fonts.example/a.css"><script src="//cdn.example/b.js"></script>
      <style>@import "https://c.example/c.css"; p {background: url(https://d.example/d.png)}</style>
      <img srcset="https://e.example/e.png 2x" src="f.png"><a href="https://only.clicked/">.</a>
    """
    read = [source for source in fetches(page).found if ELSEWHERE.match(source)]
    assert len(read) == 5


def test_the_words_and_the_changelog_link_into_the_site(site: Path) -> None:
    """They lie beside docs/ in the repository; on the site they are pages as all others."""
    changelog = (site / "CHANGELOG.html").read_text(encoding="utf-8")
    assert 'href="events.html"' in changelog
    upgrading = (site / "operations" / "upgrading.html").read_text(encoding="utf-8")
    assert 'href="../CHANGELOG.html"' in upgrading
