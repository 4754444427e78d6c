"""Whatever bytes come back from Harbor or Dragonfly: an error of ours with a message, and no more.

Nothing hangs, nothing fills the memory, and no call takes garbage for an answer.
"""

from __future__ import annotations

import gzip
import itertools
import resource
import time
import zlib
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from preheat.errors import (
    Cause,
    PreheatError,
    RateLimitedError,
    RemoteError,
    RemoteUnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = b"<!DOCTYPE html><html><body><h1>It works!</h1></body></html>"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"

BROKEN: dict[str, list[bytes]] = {
    "nothing": [b""],
    "no HTTP": [b"SSH-2.0-OpenSSH_9.2\r\n"],
    "half a status line": [b"HTTP/1.1 2"],
    "a status of letters": [b"HTTP/1.1 abc OK\r\n\r\n"],
    "half a head": [HEAD],
    "a body cut short": [HEAD + b'Content-Length: 500\r\n\r\n[{"id": 1'],
    "a length of letters": [HEAD + b"Content-Length: many\r\n\r\n[]x"],
    "a negative length": [HEAD + b"Content-Length: -5\r\n\r\n[]x"],
    "a huge length": [HEAD + b"Content-Length: " + b"9" * 400 + b"\r\n\r\n[]"],
    "chunks that are none": [HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n[]"],
    "chunks cut short": [HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n[1"],
    "gzip that is none": [HEAD + b"Content-Encoding: gzip\r\n\r\n[]x"],
    "gzip cut short": [HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"[]" * 99)[:-9]],
    "a header without end": [HEAD + b"X-Long: " + b"x" * 100_000],
    "a thousand headers": [HEAD + b"".join(b"X-%d: 1\r\n" % n for n in range(1000)) + b"\r\n"],
    "headers of control characters": [HEAD + b"X-\x00\x07: \xff\xfe\r\n\r\n"],
    "an empty body": [HEAD + b"Content-Length: 0\r\n\r\n"],
}

BODIES: dict[str, bytes] = {
    "a page": PAGE,
    "nothing but space": b" \n ",
    "text": b"OK",
    "a string": b'"OK"',
    "null": b"null",
    "a number": b"42",
    "true": b"true",
    "a number that is none": b"NaN",
    "an endless number": b"9" * 5000,
    "half an object": b'{"id": 7, "state": "SUC',
    "two objects": b'{"id": 7}{"id": 8}',
    "a list of nothing": b"[null, null, null, null, null]",
    "a list of lists": b"[[], [[]], [[[]]]]",
    "a list of text": b'["a", "b"]',
    "deep lists": b"[" * 60_000,
    "deep objects": b'{"a":' * 60_000,
    "deep inside a row": b'[{"id": 1, "args": ' + b"[" * 60_000 + b"]" * 60_000 + b"}]",
    "UTF-16": '[{"id": 1}]'.encode("utf-16"),
    "Latin-1": '{"message": "übel"}'.encode("latin-1"),
    "a byte order mark": '\ufeff{"id": 1}'.encode(),
    "half of a surrogate": rb'{"message": "\ud800", "token": "\ud800", "id": 7}',
    "a NUL": b'{"message": "a\\u0000b", "name": "\\u0000"}',
    "escapes of a terminal": b'{"message": "\\u001b[2J\\u001b]0;mine\\u0007", "errors": 3}',
    "binary": bytes(range(256)) * 16,
    "an object of many keys": b"{" + b",".join(b'"k%d": 1' % n for n in range(50_000)) + b"}",
    "a long key": b'{"' + b"k" * 100_000 + b'": 1}',
    "someone's secret": b'{"message": "Authorization: Bearer s3cret-of-the-robot"}',
}


@pytest.mark.parametrize("broken", sorted(BROKEN))
def test_what_is_no_answer_is_an_outage_or_a_foreigner(
    liar: Any, call: Callable[[], Exception | None], broken: str
) -> None:
    """Below HTTP's own rules: cut, garbled, or another protocol altogether."""
    liar.answer = lambda: BROKEN[broken]
    began = time.monotonic()
    call()
    assert time.monotonic() - began < 15


@pytest.mark.parametrize("body", sorted(BODIES))
@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "500 Oh no"])
def test_a_body_of_another_kind_says_what_came(
    liar: Any, call: Callable[[], Exception | None], body: str, status: str
) -> None:
    """Proxies' pages, other charsets, other types, deep nesting, characters that steer."""
    liar.says(BODIES[body], status)
    call()


@pytest.mark.parametrize("body", ["a page", "a list of nothing", "deep objects", "UTF-16"])
def test_no_call_takes_such_a_body_for_an_answer(
    liar: Any, tried_call: Callable[[str], Exception | None], body: str
) -> None:
    """Silence would be worse than any error: absence is believed, emptiness becomes a plan."""
    from_harbor = {"artifacts", "artifact", "token", "manifest", "children", "instances"}
    from_dragonfly = {"heat", "one job", "jobs", "find", "verify", "clusters"}
    liar.says(BODIES[body])
    for name in sorted(from_harbor | from_dragonfly):
        assert isinstance(tried_call(name), PreheatError), name


@pytest.mark.parametrize(
    "status", ["100 Continue", "204 No Content", "206 Partial", "299 Odd", "600 Odd", "999 Odd"]
)
def test_odd_statuses_are_no_answers(
    liar: Any, call: Callable[[], Exception | None], status: str
) -> None:
    """What no contract knows is an error too."""
    liar.says(b"", status)
    call()


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Again", "308 For ever"])
@pytest.mark.parametrize(
    "location", ["/", "https://elsewhere.example/", "javascript:1", "\xff", ""]
)
def test_redirects_are_not_followed(
    liar: Any, call: Callable[[], Exception | None], status: str, location: str
) -> None:
    """Credentials go to the host that the connection names, and to no other."""
    liar.says(PAGE, status, kind="text/html", Location=location)
    call()


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry_After": "9" * 400},
        {"Retry_After": "²"},
        {"Retry_After": "-1"},
        {"Retry_After": "Wed, 99 Foo 99999 99:99:99 GMT"},
        {"Retry_After": "Mon, 01 Jan 2300 00:00:00 GMT", "Date": "Mon, 01 Jan 2024 00:00:00 GMT"},
        {"Date": "Tue, 24 Nov 2026 04:30:00 +99999999"},
        {"Date": "\x00"},
        {"X_Total_Count": "9" * 5000},
        {"X_Total_Count": "-1"},
        {"Link": "<" * 1000},
        {"Content_Type": "text/html; charset=no-such-charset"},
    ],
)
@pytest.mark.parametrize("status", ["200 OK", "429 Slow", "503 Busy"])
def test_headers_of_any_kind_do_no_harm(
    liar: Any, call: Callable[[], Exception | None], headers: dict[str, str], status: str
) -> None:
    """Numbers that are none, dates beyond all calendars."""
    liar.says(b"[]", status, **headers)
    error = call()
    if isinstance(error, RateLimitedError):
        assert (error.retry_after_seconds or 0) <= 3600


@pytest.mark.usefixtures("impatient")
def test_an_answer_that_drips_ends_in_time(liar: Any, call: Callable[[], Exception | None]) -> None:
    """Each byte starts a read time-out anew, so only a bound for all of it ends this."""

    def drip() -> Any:
        yield HEAD + b"Content-Length: 100000\r\n\r\n["
        while not liar.over.wait(0.2):
            yield b" "

    liar.answer = drip
    began = time.monotonic()
    error = call()
    assert time.monotonic() - began < 10
    assert error is None or not isinstance(error, RemoteError) or error.cause is Cause.RETRYABLE


@pytest.mark.usefixtures("impatient")
def test_a_head_that_drips_ends_in_time(
    liar: Any, tried_call: Callable[[str], Exception | None]
) -> None:
    """Whatever is given up on is left behind, and nobody waits for it."""

    def drip() -> Any:
        yield b"HTTP/1.1 200 OK\r\n"
        for number in itertools.count():
            if liar.over.wait(0.2):
                return
            yield b"X-%d: 1\r\n" % number

    liar.answer = drip
    began = time.monotonic()
    error = tried_call("one job")
    assert isinstance(error, RemoteUnavailableError)
    assert time.monotonic() - began < 4


@cache
def zeros(mebibytes: int) -> bytes:
    """Compress so many zeros."""
    packer = zlib.compressobj(1, wbits=31)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(mebibytes)) + packer.flush()


@pytest.mark.parametrize("name", ["jobs", "look", "artifacts", "manifest", "token", "heat"])
@pytest.mark.parametrize("status", ["200 OK", "500 Oh no"])
@pytest.mark.parametrize("kind", ["endless", "gzip of nothing but zeros"])
def test_a_huge_answer_does_not_fill_the_memory(
    liar: Any, tried_call: Callable[[str], Exception | None], name: str, status: str, kind: str
) -> None:
    """64 MiB of an answer are read at most, 64 KiB of an error."""
    head = HEAD.replace(b"200 OK", status.encode())
    if kind == "endless":
        liar.answer = lambda: itertools.chain([head + b"\r\n["], itertools.repeat(b" " * 65536))
    else:
        bomb = zeros(300)
        length = b"Content-Length: %d\r\n" % len(bomb)
        liar.answer = lambda: [head + b"Content-Encoding: gzip\r\n" + length + b"\r\n", bomb]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    error = tried_call(name)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert isinstance(error, PreheatError)
    assert grown < 200 * 1024  # KiB
