"""Image references as people type or paste them, one a line.

Understood: a host or URL in front, ``docker pull``, list dashes, ``image:``, quotes, commas,
comments, ``:tag``, ``@digest`` or both. Without tag and digest the tag is ``latest``. Blanks
separate only what has a slash each: ``foo bar`` is one mistake, not two images.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from preheat.errors import Problem, ProblemsError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "ImageReference",
    "is_repository",
    "is_tag",
    "parse_references",
    "signed_by",
    "split_tag",
]

_COMMENT = re.compile(r"(^|\s)#.*")
_COMMAND = re.compile(
    r"^\s*(?:-\s+)?(?:\$\s+)?(?:sudo\s+)?"
    r"(?:(?:docker|podman|nerdctl|crictl)(?:\s+image)?\s+pull\s+|ctr\s+(?:images?|i)\s+pull\s+"
    r"|[\"']?image[\"']?\s*:\s+)?"
)
_SEPARATORS = re.compile(r"[,;]+")
_SCHEME = re.compile(r"^(?:https?|docker|oci)://")
_WRAPPING = "\"'`[](){}<>"
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_PART}(?:/{_PART})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_SIGNATURE = re.compile(r"(sha256)-([0-9a-f]{64})\.sig")
_NAME_LENGTH = 255
_SHOWN_LENGTH = 120
_DEFAULT_PORTS = (":443", ":80")


@dataclass(frozen=True, slots=True)
class ImageReference:
    """One image that a person named.

    :param project: Harbor project.
    :param repository: repository without the project; may hold slashes.
    :param tag: ``latest`` if neither tag nor digest was typed; empty if only a digest was.
    :param digest: wins over the tag.
    :param line: 1-based line on which it was typed first; 0 if it was not typed.
    """

    project: str
    repository: str
    tag: str = ""
    digest: str = ""
    line: int = field(default=0, compare=False)

    @property
    def full_name(self) -> str:
        """Project and repository."""
        return f"{self.project}/{self.repository}"

    @property
    def reference(self) -> str:
        """What to ask Harbor for: the digest, else the tag."""
        return self.digest or self.tag

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.full_name}{tag}{f'@{self.digest}' if self.digest else ''}"


class _ReferenceError(ValueError):
    """What is wrong with one reference."""


def parse_references(text: str, host: str = "", source: str = "images") -> list[ImageReference]:
    """Read images, duplicates collapsed, in the order typed.

    :param text: one image a line; commas separate too.
    :param host: host of the Harbor, or its URL: a reference to another host is a problem.
    :param source: name of the field, for the messages.
    :raises ProblemsError: with every problem and its line; also when no image is named at all.
    """
    found: dict[ImageReference, None] = {}
    problems: list[Problem] = []
    for number, line in enumerate(text.splitlines(), start=1):
        for typed in _typed_in(line):
            try:
                found.setdefault(_parse(typed, _host_of(host), number))
            except _ReferenceError as error:
                shown = typed if len(typed) <= _SHOWN_LENGTH else f"{typed[:_SHOWN_LENGTH]}…"
                problems.append(Problem(f"{shown!r}: {error}", source=source, line=number))
    if not found and not problems:
        problems.append(Problem("name at least one image, such as library/app:1.2", source=source))
    if problems:
        raise ProblemsError(problems)
    return list(found)


def _typed_in(line: str) -> Iterator[str]:
    """Split a line into what was typed as images; words that belong together stay together."""
    bare = _COMMAND.sub("", _COMMENT.sub("", line), count=1)
    for part in _SEPARATORS.split(bare):
        words = [word for typed in part.split() if (word := typed.strip(_WRAPPING))]
        if any("/" not in word or word.startswith("-") for word in words):
            yield " ".join(words)
        else:
            yield from words


def is_repository(name: str) -> bool:
    """Tell whether this can be project and repository."""
    return "/" in name and len(name) <= _NAME_LENGTH and bool(_REPOSITORY.fullmatch(name))


def is_tag(name: str) -> bool:
    """Tell whether this can be a tag."""
    return bool(_TAG.fullmatch(name))


def _parse(typed: str, host: str, line: int) -> ImageReference:
    """Read one image.

    :raises _ReferenceError: with everything that is wrong with it.
    """
    if any(word.startswith("-") for word in typed.split()):
        raise _ReferenceError("options are not understood here: leave only the image")
    if " " in typed:
        raise _ReferenceError("a blank is in no image's name: write one image a line")
    name, at, digest = _SCHEME.sub("", typed).strip("/").partition("@")
    name, tag = split_tag(name)
    full_name, stranger = _split_host(name, host)
    if wrong := [
        *([stranger] if stranger else []),
        *_wrong_with_name(full_name),
        *_wrong_with_version(tag, digest if at else None),
    ]:
        raise _ReferenceError("; ".join(wrong))
    project, _, repository = full_name.partition("/")
    implied = "" if digest else "latest"
    return ImageReference(project, repository, tag or implied, digest, line)


def signed_by(tag: str) -> str:
    """Tell the digest that a tag of Cosign's signs; "" where it is no such tag.

    Source: harbor: src/server/middleware/cosign; recorded: webhook-push-signature.
    """
    match = _SIGNATURE.fullmatch(tag)
    return f"{match[1]}:{match[2]}" if match else ""


def split_tag(name: str) -> tuple[str, str | None]:
    """Cut the tag off; a colon before a slash belongs to the host's port."""
    before, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        return name, None
    return before, tag


def _split_host(name: str, host: str) -> tuple[str, str]:
    """Cut the host off; with a complaint if it is another one than the chosen Harbor's."""
    first, slash, rest = name.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        return name, ""
    if host and _host_of(first) != host:
        return rest, f"this is on another host, but the chosen Harbor is {host}"
    return rest, ""


def _wrong_with_name(name: str) -> Iterator[str]:
    """Tell everything that keeps this from being project and repository."""
    if name != name.lower():
        yield "a repository's name has small letters only"
    if ":" in name:
        yield "there is more than one colon: one stands between name and tag"
    if "//" in name:
        yield "there are two slashes with nothing between"
    if "/" not in name:
        yield (
            "Harbor needs the project too: <project>/<repository> "
            "(a host in front is known by a dot or a port)"
        )
    elif not _REPOSITORY.fullmatch(_without_told(name)) or len(name) > _NAME_LENGTH:
        yield (
            "not a repository: parts of small letters and digits, joined by . _ or -, "
            "separated by slashes, 255 characters at most"
        )


def _without_told(name: str) -> str:
    """Leave out what has a complaint of its own."""
    return re.sub(r":[^/]*", "", re.sub(r"/+", "/", name.lower()))


def _wrong_with_version(tag: str | None, digest: str | None) -> Iterator[str]:
    if tag is not None and not is_tag(tag):
        yield (
            "a tag has up to 128 letters, digits, dots, dashes and underscores, "
            "and begins with none of dot and dash"
        )
    if digest is not None and not _DIGEST.fullmatch(digest):
        yield "a digest is sha256: and 64 hex digits, small letters"


def _host_of(text: str) -> str:
    """Bring a host or URL to the form that is compared: small letters, no default port."""
    host = (urlsplit(text).netloc if "://" in text else text.partition("/")[0]).lower()
    for port in _DEFAULT_PORTS:
        host = host.removesuffix(port)
    return host
