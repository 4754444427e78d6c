"""Image references as people type or paste them, one a line.

Understood: a host or URL in front, ``docker pull``, list dashes, ``image:``, quotes, commas,
comments, ``:tag``, ``@digest`` or both. Without tag and digest the tag is ``latest``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from preheat.errors import Problem, ProblemsError

__all__ = ["ImageReference", "parse_references"]

_COMMENT = re.compile(r"(^|\s)#.*")
_COMMAND = re.compile(
    r"^\s*(?:-\s+)?(?:\$\s+)?(?:sudo\s+)?"
    r"(?:(?:docker|podman|nerdctl|crictl)(?:\s+image)?\s+pull\s+|ctr\s+(?:images?|i)\s+pull\s+"
    r"|[\"']?image[\"']?\s*:\s+)?"
)
_SEPARATORS = re.compile(r"[\s,;]+")
_SCHEME = re.compile(r"^(?:https?|docker|oci)://")
_WRAPPING = "\"'`[](){}<>"
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_PART}(?:/{_PART})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
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
    """

    project: str
    repository: str
    tag: str = ""
    digest: str = ""

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

    :param text: one image a line; commas and blanks separate too.
    :param host: host of the Harbor, or its URL: a reference to another host is a problem.
    :param source: name of the field, for the messages.
    :raises ProblemsError: with every problem and its line; also when no image is named at all.
    """
    found: dict[ImageReference, None] = {}
    problems: list[Problem] = []
    for number, line in enumerate(text.splitlines(), start=1):
        for typed in _typed_in(line):
            try:
                found[_parse(typed, _host_of(host))] = None
            except _ReferenceError as error:
                shown = typed if len(typed) <= _SHOWN_LENGTH else f"{typed[:_SHOWN_LENGTH]}…"
                problems.append(Problem(f"{shown!r}: {error}", source=source, line=number))
    if not found and not problems:
        problems.append(Problem("name at least one image, such as library/app:1.2", source=source))
    if problems:
        raise ProblemsError(problems)
    return list(found)


def _typed_in(line: str) -> list[str]:
    """Split a line into what was typed as images."""
    bare = _COMMAND.sub("", _COMMENT.sub("", line), count=1)
    words = (word.strip(_WRAPPING) for word in _SEPARATORS.split(bare))
    return [word for word in words if word]


def _parse(typed: str, host: str) -> ImageReference:
    if typed.startswith("-"):
        raise _ReferenceError("options are not understood here: leave only the image")
    name, at, digest = _SCHEME.sub("", typed).strip("/").partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise _ReferenceError("a digest is sha256: and 64 hex digits, small letters")
    name, tag = _split_tag(name)
    if tag is not None and not _TAG.fullmatch(tag):
        raise _ReferenceError(
            "a tag has up to 128 letters, digits, dots, dashes and underscores, "
            "and begins with none of dot and dash"
        )
    project, repository = _split_repository(_without_host(name, host))
    implied = "" if digest else "latest"
    return ImageReference(project, repository, tag or implied, digest)


def _split_tag(name: str) -> tuple[str, str | None]:
    """Cut the tag off; a colon before a slash belongs to the host's port."""
    before, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        return name, None
    return before, tag


def _without_host(name: str, host: str) -> str:
    first, slash, rest = name.partition("/")
    if not slash or not ("." in first or ":" in first or first == "localhost"):
        return name
    if host and _host_of(first) != host:
        raise _ReferenceError(f"this is on another host, but the chosen Harbor is {host}")
    return rest


def _split_repository(name: str) -> tuple[str, str]:
    if name != name.lower():
        raise _ReferenceError("a repository's name has small letters only")
    project, slash, repository = name.partition("/")
    if not slash:
        raise _ReferenceError(
            "Harbor needs the project too: <project>/<repository> "
            "(a host in front is known by a dot or a port)"
        )
    if not _REPOSITORY.fullmatch(name) or len(name) > _NAME_LENGTH:
        raise _ReferenceError(
            "not a repository: parts of small letters and digits, joined by . _ or -, "
            "separated by slashes, 255 characters at most"
        )
    return project, repository


def _host_of(text: str) -> str:
    """Bring a host or URL to the form that is compared: small letters, no default port."""
    host = (urlsplit(text).netloc if "://" in text else text.partition("/")[0]).lower()
    for port in _DEFAULT_PORTS:
        host = host.removesuffix(port)
    return host
