"""5,000 damaged policy files: each loads, or says clearly what is wrong; nothing else happens."""

from __future__ import annotations

import random
import re
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from preheat.errors import ProblemsError
from preheat.policy.engine import evaluate
from preheat.policy.loader import load_clusters, load_policy, read_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from preheat.artifact import Artifact
    from preheat.errors import Problem
    from preheat.policy.model import Clusters, Policy

ROOT = Path(__file__).parents[3]
LANGUAGE = ROOT / "tests" / "data" / "language"
SEEDS = [
    *sorted((LANGUAGE / "policies").glob("*.yaml")),
    ROOT / "tests" / "data" / "policies" / "many-mistakes.yaml",
]
BATCHES = 20
FILES_A_BATCH = 250

JUNK: list[Any] = [
    *("", " ", "~", "null", "no", "true", "-1", "0", "1e9", "99999999999999999999", "NaN", "0x1F"),
    *("5", "5 m", "1h30m", "10x", "1.5GiB", "10GB", "-3d", "24:00", "25:61", "6:00", "2027-02-30"),
    *("$", "$ver", "${ver}", "$$", "(?P<ver>", "(?P<ver>.*)", "(?=x)", r"\1", "(a+)+$", "a{1000}"),
    *("[", "[z-a]", "**", "{a,b", "*" * 300, "\\", "\x00", "\ud7ff", "\U0001f433", "ä" * 2000),
    *(
        ">=1",
        ">2 <1",
        "^",
        "||",
        "1.x",
        ">=v1",
        "=",
        "* * * * *",
        "61 * * * *",
        "@daily",
        "Mars/Sea",
    ),
    *("CVE-1", "high", "HIGH", "linux", "linux/amd64", "a/b:c", "a/b@sha256:1", "ftp://x", "::1"),
    *(
        [],
        [[]],
        [None],
        {},
        {"": ""},
        {"a": {"b": "c"}},
        [{"exact": "a", "glob": "b"}],
        [1, 2],
        None,
    ),
]
TOKENS = [
    *(
        b"\t",
        b"\n",
        b"\r",
        b"\r\n",
        b"  ",
        b"-",
        b"- ",
        b": ",
        b"?",
        b"? ",
        b",",
        b"#",
        b"---\n",
        b"...",
    ),
    *(
        b"&a ",
        b"*a",
        b"<<: *a\n",
        b"!!python/object:os.system ",
        b"!x ",
        b"%YAML 9.9\n",
        b"|",
        b">",
    ),
    *(
        b"'",
        b'"',
        b"\\",
        b"{",
        b"}",
        b"[",
        b"]",
        b"[" * 60,
        b"\x00",
        b"\xff\xfe",
        b"\xc3",
        b"\xef\xbb\xbf",
    ),
    *("\x85\u2028\U0001f433".encode(), b"\x1b[31m", b"$ver", b"(?P<", b"`", b"@", b"%", b"\x7f"),
]
UNCLEAR = re.compile(
    r"Traceback|pydantic|Error\b|<class|<function|object at 0x|\[type=|NoneType|validation error"
)


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Give the path of every value."""
    entries = (
        data.items()
        if isinstance(data, dict)
        else enumerate(data)
        if isinstance(data, list)
        else ()
    )
    for key, value in entries:
        yield (*path, key)
        yield from places(value, (*path, key))


def at(data: Any, path: tuple[Any, ...]) -> Any:
    """Give the value at a path."""
    for key in path:
        data = data[key]
    return data


def damage(data: Any, rng: random.Random) -> None:
    """Change one thing somewhere: drop, rename, repeat, replace or move it, or wrap it up."""
    path = rng.choice(list(places(data)))
    holder, key = at(data, path[:-1]), path[-1]
    match rng.randrange(7):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            name = str(key)
            cut = rng.randrange(len(name) + 1)
            holder[name[:cut] + rng.choice("xS_ .é$") + name[cut + 1 :]] = holder.pop(key)
        case 2 if isinstance(holder, list):
            holder.insert(rng.randrange(len(holder) + 1), holder[key])
        case 3:
            holder[key] = deepcopy(at(data, rng.choice(list(places(data)))))
        case 4:
            holder[key] = [holder[key]] if rng.random() < 0.5 else {str(key): holder[key]}
        case 5 if isinstance(holder[key], str):
            text = holder[key]
            cut = rng.randrange(len(text) + 1)
            holder[key] = text[:cut] + str(rng.choice(JUNK)) + text[cut:]
        case _:
            holder[key] = deepcopy(rng.choice(JUNK))


def structural(text: str, rng: random.Random) -> bytes:
    """Write a file of which some values are not what they should be."""
    data = yaml.load(text, Loader=yaml.CBaseLoader)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        damage(data, rng)
    style = rng.choice([None, True, False])
    dumped: str = yaml.dump(data, Dumper=Plain, default_flow_style=style, allow_unicode=True)
    return dumped.encode("utf-8", "surrogatepass")


class Plain(yaml.CSafeDumper):
    """Writes what lies in two places twice: aliases have their own mutation."""

    def ignore_aliases(self, data: object) -> bool:
        """Write no alias."""
        return True


def bytewise(text: str, rng: random.Random) -> bytes:
    """Write a file of which some bytes are not what they should be."""
    content = bytearray(text.encode())
    for _ in range(rng.choice([1, 1, 2, 4])):
        start = rng.randrange(len(content) + 1)
        end = min(len(content), start + rng.choice([1, 1, 3, 20, 200]))
        match rng.randrange(5):
            case 0:
                del content[start:end]
            case 1:
                content[start:start] = content[start:end]
            case 2:
                content[start:end] = rng.randbytes(end - start)
            case 3 if rng.random() < 0.2:
                del content[start:]
            case _:
                content[start:start] = rng.choice(TOKENS)
    return bytes(content)


def is_clear(problem: Problem, lines: int) -> bool:
    """Whether a person can act on it: a sentence on one line, at a place that there is."""
    message = problem.message
    return (
        10 < len(message) < 700
        and message[-1] in ".;?"
        and "\n" not in str(problem)
        and UNCLEAR.search(message) is None
        and problem.source.endswith(".yaml")
        and (problem.line is None or 1 <= problem.line <= lines + 1)
    )


def load(file: Path, clusters: Clusters) -> Policy | list[Problem]:
    """Read a file as the DAG file does; no other error than this may come out."""
    try:
        return load_policy(read_text(file), file.name, clusters)
    except ProblemsError as error:
        return list(error.problems)


@pytest.fixture(scope="module")
def inventory() -> Clusters:
    """Read the clusters that the files of ``tests/data/language`` name."""
    return load_clusters((LANGUAGE / "clusters.yaml").read_text(), "clusters.yaml")


@pytest.mark.parametrize("batch", range(BATCHES))
def test_a_damaged_file_gives_clear_problems(
    batch: int,
    tmp_path: Path,
    inventory: Clusters,
    art: Callable[..., Artifact],
    now: datetime,
) -> None:
    """Nothing but problems comes out of the loader, and what loads can be evaluated."""
    rng = random.Random(batch)  # noqa: S311 - the same files each time
    catalogue = [art("web/a", 1, tags="1 1.0"), art("ml/train/base", 2, tags="2.4.1-cuda12.4 lts")]
    loaded = 0
    for number in range(FILES_A_BATCH):
        seed = SEEDS[number % len(SEEDS)]
        mutate = structural if rng.random() < 0.6 else bytewise
        content = mutate(seed.read_text(encoding="utf-8"), rng)
        file = tmp_path / seed.name
        file.write_bytes(content)
        outcome = load(file, inventory)
        if isinstance(outcome, list):
            lines = len(content.decode("utf-8", "replace").splitlines())
            assert outcome, content
            assert [str(p) for p in outcome if not is_clear(p, lines)] == [], content
        else:
            loaded += 1
            assert evaluate(outcome, catalogue, inventory, now).policy == outcome.name
    assert 0 < loaded < FILES_A_BATCH / 2
