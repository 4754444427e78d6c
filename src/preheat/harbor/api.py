"""One caller of one Harbor: credentials on each call, Harbor's own words in errors, calls counted.

Basic authentication on every request and no cookies: a stored ``sid`` would make later writes fail
(harbor: src/server/middleware/csrf).
"""

from __future__ import annotations

import base64
from collections import Counter
from http import HTTPStatus
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import quote

from preheat.errors import RefusedError
from preheat.harbor.answers import SystemAnswer, decode, words_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import SecretStr

    from preheat.transport import Answer, Transport

__all__ = ["HarborApi", "artifacts_path", "project_path"]

ROOT = "/api/v2.0"
UNKNOWN_VERSION = (0, 0)  # read as an old one: slower, but right with every Harbor
WRONG_CREDENTIALS = (
    "Check the robot's name (with its robot$ prefix), its secret and its expiry date"
)


class HarborApi:
    """Requests as one caller.

    :param transport: built on Harbor's base URL.
    :param username: name of a robot or user; empty for anonymous.
    :param secret: its secret.
    """

    def __init__(self, transport: Transport, username: str, secret: SecretStr | None) -> None:
        self.transport = transport
        self.username = username
        self._secret = secret
        self._lock = Lock()
        self._version: tuple[int, int] | None = None
        self.counts: Counter[str] = Counter()

    @property
    def basic(self) -> str | None:
        """Value of the ``Authorization`` header, or None for an anonymous caller."""
        if not self.username:
            return None
        secret = self._secret.get_secret_value() if self._secret else ""
        return "Basic " + base64.b64encode(f"{self.username}:{secret}".encode()).decode()

    def send(
        self,
        kind: str,
        path: str,
        *,
        method: str = "GET",
        json_body: object = None,
        params: Mapping[str, str | int] | Sequence[tuple[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
        authorization: str | None = None,
    ) -> Answer:
        """Send a request and return the answer, whatever its status.

        :param kind: the name under which the call is counted.
        :param json_body: what to write; it may hold a :class:`pydantic.SecretStr`'s value, for
            nothing of it is shown or kept.
        :param authorization: instead of the caller's own credentials.
        """
        with self._lock:
            self.counts[kind] += 1
        own = {"Accept": "application/json", "X-Is-Resource-Name": "true", **(headers or {})}
        if credentials := authorization or self.basic:
            own["Authorization"] = credentials
        return self.transport.send(method, path, params=params, json_body=json_body, headers=own)

    def get(
        self,
        kind: str,
        path: str,
        *,
        params: Mapping[str, str | int] | Sequence[tuple[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
        advice: str = "",
    ) -> Answer:
        """GET and return the 2xx answer.

        :param advice: what to do when Harbor does not allow it.
        :raises RemoteError: the narrowest kind for any other answer, with Harbor's own words.
        """
        return self.expect(self.send(kind, path, params=params, headers=headers), advice=advice)

    def write(
        self, kind: str, method: str, path: str, json_body: object = None, *, advice: str = ""
    ) -> Answer:
        """Change something and return the 2xx answer.

        :param advice: as in :meth:`get`.
        :raises RemoteError: as :meth:`get`.
        """
        answer = self.send(kind, path, method=method, json_body=json_body)
        return self.expect(answer, advice=advice)

    def expect(self, answer: Answer, *, advice: str = "") -> Answer:
        """Return a 2xx answer, raise any other."""
        if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            return answer
        if answer.status == HTTPStatus.UNAUTHORIZED:
            advice = " ".join(part for part in (f"{WRONG_CREDENTIALS}.", advice) if part)
        elif answer.status != HTTPStatus.FORBIDDEN:
            advice = ""
        raise self.transport.error_of(answer, words=words_of(answer.body), advice=advice)

    def system(self) -> tuple[Answer, SystemAnswer]:
        """Ask Harbor about itself."""
        answer = self.get("system", f"{ROOT}/systeminfo")
        return answer, decode(answer, SystemAnswer, "Harbor's system information")

    def version(self) -> tuple[int, int] | None:
        """Tell major and minor version, asked once; None for an anonymous caller.

        Guarantees that credentials, if there are any, work: Harbor answers wrong ones with 200 and
        the anonymous view (recorded: systeminfo-robot-wrong-secret, projects-wrong-credentials).

        :raises RefusedError: if Harbor does not know the credentials.
        """
        if self._version is None and self.username:
            answer, system = self.system()
            if not system.harbor_version:
                raise RefusedError(
                    f"Harbor treats {self.username} as an anonymous caller. {WRONG_CREDENTIALS}.",
                    system=self.transport.system,
                    request=answer.request,
                    status=answer.status,
                )
            self._version = parse_version(system.harbor_version) or UNKNOWN_VERSION
        return self._version


def parse_version(text: str) -> tuple[int, int] | None:
    """Read ``v2.15.2-lab`` as (2, 15); None for any other form."""
    major, _, rest = text.removeprefix("v").partition(".")
    minor = rest.partition(".")[0].partition("-")[0]
    return (int(major), int(minor)) if major.isdecimal() and minor.isdecimal() else None


def project_path(project: str) -> str:
    """Path of a project; always by name, thanks to the ``X-Is-Resource-Name`` header."""
    return f"{ROOT}/projects/{quote(project, safe='')}"


def artifacts_path(project: str, repository: str, reference: str = "") -> str:
    """Path of a repository's artifacts, or of one.

    The name is encoded twice, because Harbor decodes it twice and a proxy may decode it in between
    (harbor: handler/util.go; recorded: repository-single-double-encoded, -not-encoded).
    """
    name = quote(quote(repository, safe=""), safe="")
    path = f"{project_path(project)}/repositories/{name}/artifacts"
    return f"{path}/{quote(reference, safe=':')}" if reference else path
