"""How the manager resolves an image before it queues a preheat, with Go's words when it cannot.

dragonfly: internal/job/image.go, pkg/oci; the texts are those recorded from v2.5.1.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from requests.auth import HTTPBasicAuth

from preheat.sandbox.outgoing import new_session

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ImageRequest", "RegistryError", "Resolved", "Resolver"]

_ACCESS_URL = re.compile(r"^(.*)://(.*)/v2/(.*)/manifests/(.*)$")
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_OS = re.compile(r"^([A-Za-z0-9_-]+)(?:\(([A-Za-z0-9_.-]*)\))?$")
_OS_SHOWN = r"^([A-Za-z0-9_-]+)(?:\\(([A-Za-z0-9_.-]*)\\))?$"
_TIMEOUT = 60
_ACCEPT = (
    "application/vnd.oci.image.index.v1+json,"
    "application/vnd.docker.distribution.manifest.list.v2+json,"
    "application/vnd.oci.image.manifest.v1+json,"
    "application/vnd.docker.distribution.manifest.v2+json"
)
_KNOWN_CODES = {
    "UNAUTHORIZED",
    "DENIED",
    "MANIFEST_UNKNOWN",
    "NAME_UNKNOWN",
    "NAME_INVALID",
    "BLOB_UNKNOWN",
    "TOOMANYREQUESTS",
    "UNAVAILABLE",
    "UNSUPPORTED",
}


class RegistryError(Exception):
    """The image cannot be resolved; the text is what the manager answers with status 500."""


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """What of a job matters for resolving its image.

    :param platform: empty means the manager host's own.
    """

    url: str
    platform: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    username: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Resolved:
    """The blobs of an image (config first) and what peers are to send for them."""

    urls: tuple[str, ...]
    headers: dict[str, str] = field(repr=False)


class Resolver:
    """Asks registries for manifests.

    :param host_platform: platform of the manager's host, used when a job names none.
    :param refuse_loopback: refuse registries on loopback, as the safe dialer does.
    """

    def __init__(self, *, host_platform: str, refuse_loopback: bool) -> None:
        self._session = new_session()
        self._host_platform = host_platform
        self._refuse_loopback = refuse_loopback

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()

    def resolve(self, request: ImageRequest) -> Resolved:
        """Find the blobs of an image for its platform.

        :raises RegistryError: in the manager's words.
        """
        found = _ACCESS_URL.match(request.url)
        if found is None:
            raise RegistryError("parse access url failed")
        scheme, host, repository, _ = found.groups()
        base = f"{scheme}://{host}"
        wanted = parse_platform(request.platform or self._host_platform)
        self._check_dial(base, host)
        headers = self._authorize(base, repository, request)
        auth = None
        if headers.get("Authorization") == "" and request.username:
            auth = HTTPBasicAuth(request.username, request.password)
        manifests = self._manifests(request.url, base, repository, wanted, headers, auth)
        digests = [
            part["digest"]
            for manifest in manifests
            for part in _parts(manifest)
            if "digest" in part
        ]
        urls = tuple(f"{base}/v2/{repository}/blobs/{digest}" for digest in digests)
        return Resolved(urls, headers)

    def _manifests(
        self,
        url: str,
        base: str,
        repository: str,
        wanted: tuple[str, str],
        headers: dict[str, str],
        auth: HTTPBasicAuth | None,
    ) -> list[dict[str, Any]]:
        top = self._manifest(url, headers, auth)
        if "manifests" not in top:
            return [top]
        chosen = [child["digest"] for child in top["manifests"] if _platform_of(child) == wanted]
        if not chosen:
            raise RegistryError(f"no matching manifest for platform {'/'.join(wanted)}")
        return [
            self._manifest(f"{base}/v2/{repository}/manifests/{digest}", headers, auth)
            for digest in chosen
        ]

    def _manifest(
        self, url: str, headers: dict[str, str], auth: HTTPBasicAuth | None
    ) -> dict[str, Any]:
        sent = {**headers, "Accept": _ACCEPT, "User-Agent": "dragonfly-manager"}
        if not sent.get("Authorization", "x"):
            del sent["Authorization"]
        answer = self._get(url, sent, auth)
        if not answer.ok:
            raise RegistryError(_words(answer))
        try:
            manifest = answer.json()
        except ValueError as error:
            raise RegistryError("unsupported manifest format") from error
        return manifest if isinstance(manifest, dict) else {}

    def _authorize(self, base: str, repository: str, request: ImageRequest) -> dict[str, str]:
        headers = dict(request.headers)
        if any(name.lower() == "authorization" and value for name, value in headers.items()):
            return headers
        answer = self._get(f"{base}/v2/", {"User-Agent": "dragonfly-manager"}, None)
        challenge = answer.headers.get("WWW-Authenticate", "")
        if answer.status_code != HTTPStatus.UNAUTHORIZED or not challenge:
            return headers
        if challenge.lower().startswith("bearer"):
            token = self._token(dict(_CHALLENGE.findall(challenge)), repository, request)
            return {**headers, "Authorization": f"Bearer {token}"}
        if not request.username:
            raise RegistryError(f'Get "{request.url}": no basic auth credentials')
        # No bearer was captured, so peers are sent an empty header (measured: blobs answer 401).
        return {**headers, "Authorization": ""}

    def _token(self, challenge: dict[str, str], repository: str, request: ImageRequest) -> str:
        realm = challenge.get("realm", "")
        query = {"service": challenge.get("service", ""), "scope": f"repository:{repository}:pull"}
        auth = HTTPBasicAuth(request.username, request.password) if request.username else None
        answer = self._get(realm, {"User-Agent": "dragonfly-manager"}, auth, query)
        if not answer.ok:
            raise RegistryError(f'Get "{request.url}": {_words(answer)}')
        body = answer.json()
        return str(body.get("token") or body.get("access_token") or "")

    def _get(
        self,
        url: str,
        headers: dict[str, str],
        auth: HTTPBasicAuth | None,
        query: dict[str, str] | None = None,
    ) -> requests.Response:
        try:
            return self._session.get(
                url, headers=headers, auth=auth, params=query, timeout=_TIMEOUT
            )
        except requests.RequestException as error:
            raise RegistryError(f'Get "{url}": {_dial_words(url, error)}') from error

    def _check_dial(self, base: str, host: str) -> None:
        if not self._refuse_loopback:
            return
        address, port = _address(base)
        if address and not _is_global_unicast(address):
            words = f"dial tcp {address}:{port}: ip {address} is invalid"
            raise RegistryError(f'Get "{urlsplit(base).scheme}://{host}/v2/": {words}')


def parse_platform(text: str) -> tuple[str, str]:
    """Read ``os/arch[/variant]`` as containerd does; an architecture alone means Linux.

    :raises RegistryError: if a part is not a word.
    """
    first, *rest = text.split("/")
    if not _OS.match(first):
        where = f"{_quoted(first)} is an invalid OS component of {_quoted(text)}"
        rule = f'OSAndVersion specifier component must match "{_OS_SHOWN}"'
        raise RegistryError(f"{where}: {rule}: invalid argument")
    if rest:
        return first, rest[0]
    return "linux", first


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'


def _platform_of(child: dict[str, Any]) -> tuple[str, str]:
    platform = child.get("platform") or {}
    return platform.get("os", ""), platform.get("architecture", "")


def _parts(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [manifest.get("config") or {}, *(manifest.get("layers") or [])]


def _words(answer: requests.Response) -> str:
    """Say a registry's refusal as Go's distribution client does."""
    if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        phrase = f"{answer.status_code} {answer.reason}"
        return f"received unexpected HTTP status: {phrase}"
    try:
        errors = answer.json().get("errors") or []
    except (ValueError, AttributeError):
        unauthorized = answer.status_code == HTTPStatus.UNAUTHORIZED
        return "unauthorized: " if unauthorized else f"unknown: {answer.text}"
    said = [f"{_code(error)}: {error.get('message', '')}" for error in errors]
    if not said:
        return "unauthorized: " if answer.status_code == HTTPStatus.UNAUTHORIZED else "unknown: "
    return said[0] if len(said) == 1 else "errors:\n" + "\n".join(said) + "\n"


def _code(error: dict[str, Any]) -> str:
    code = str(error.get("code", ""))
    return code.lower().replace("_", " ") if code in _KNOWN_CODES else "unknown"


def _dial_words(url: str, error: Exception) -> str:
    text = str(error)
    address, port = _address(url)
    if "WRONG_VERSION_NUMBER" in text or "wrong version number" in text:
        return "http: server gave HTTP response to HTTPS client"
    if not address:
        return f"dial tcp: lookup {urlsplit(url).hostname}: no such host"
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return f"dial tcp {address}:{port}: i/o timeout"
    if "refused" in text:
        return f"dial tcp {address}:{port}: connect: connection refused"
    return "context deadline exceeded" if isinstance(error, requests.Timeout) else "EOF"


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        return str(socket.getaddrinfo(parts.hostname, port)[0][4][0]), port
    except OSError:
        return "", port


def _is_global_unicast(address: str) -> bool:
    ip = ipaddress.ip_address(address)
    return not (ip.is_loopback or ip.is_link_local or ip.is_multicast or ip.is_unspecified)
