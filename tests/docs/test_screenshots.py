"""Pictures of the page: those that documents show, those that there are, those that are taken."""

from __future__ import annotations

import runpy
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.docs.test_links import DOCUMENTS, parsed

if TYPE_CHECKING:
    from collections.abc import Mapping

_script = runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "screenshots.py"))
FOLDER: Path = _script["FOLDER"]
NAMES: tuple[str, ...] = _script["NAMES"]
SIZES: Mapping[str, tuple[int, int]] = _script["SIZES"]
MOST_BYTES = 250_000


def shown(root: Path) -> list[tuple[str, str]]:
    """Name the pictures that documents show, each with the theme in which it is shown."""
    pictures = [source for name in DOCUMENTS for source, _ in parsed(root / name)[2]]
    parts = [source.rpartition("/screens/")[2].partition("#") for source in pictures]
    return [(name.removesuffix(".png"), theme) for name, _, theme in parts if theme]


def test_documents_show_what_the_script_takes(root: Path) -> None:
    """None is missing, and none is taken for nobody."""
    assert {name for name, _ in shown(root)} == set(NAMES)


def test_the_pictures_are_those_that_the_script_takes() -> None:
    """None was taken by hand, and none was left behind."""
    assert {file.name for file in FOLDER.iterdir()} == {f"{name}.png" for name in NAMES}


def test_each_picture_is_shown_in_its_theme(root: Path) -> None:
    """In the light the light one, in the dark the dark one, side by side in the text."""
    themes = [(name.rpartition("-")[2], theme) for name, theme in shown(root)]
    wrong = [pair for pair in themes if pair[1] != f"gh-{pair[0]}-mode-only"]
    assert wrong == []
    order = [name for name, _ in shown(root)]
    pairs = zip(order[::2], order[1::2], strict=True)
    assert all(dark == light.removesuffix("light") + "dark" for light, dark in pairs)


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_small(name: str) -> None:
    """A page with ten of them must open at once; each has the size that the script asks for."""
    content = (FOLDER / f"{name}.png").read_bytes()
    assert len(content) <= MOST_BYTES
    assert content.startswith(b"\x89PNG\r\n")
    assert struct.unpack(">II", content[16:24]) == SIZES[name.rpartition("-")[0]]
