"""Who calls the stand-in and what they may do: users, robots, tokens, the anonymous fallback."""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypedDict, Unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from preheat.sandbox.harbor.rows import Project

__all__ = [
    "ADMIN_PASSWORD",
    "ANONYMOUS",
    "PULL_AND_LIST",
    "Accounts",
    "Caller",
    "Permission",
    "Robot",
    "read_basic",
]

ADMIN_PASSWORD: Final = "Harbor12345"  # noqa: S105 - Harbor's well-known default, for the sandbox

ANYONE: Final = frozenset({
    "project:read",
    "label:list",
    "label:read",
    "repository:list",
    "repository:read",
    "repository:pull",
    "artifact:list",
    "artifact:read",
    "artifact-addition:read",
    "tag:list",
    "accessory:list",
})
"""What a public project opens to everybody (harbor: src/common/rbac/project/util.go)."""

PULL_AND_LIST: Final = frozenset({
    "project:read",
    "metadata:read",
    "metadata:list",
    "repository:list",
    "repository:read",
    "repository:pull",
    "artifact:list",
    "artifact:read",
    "tag:list",
    "accessory:list",
    "label:list",
    "label:read",
    "artifact-addition:read",
    "preheat-policy:list",
    "preheat-policy:read",
})
"""What a robot that selects and pulls comfortably holds."""


@dataclass(frozen=True, slots=True)
class Permission:
    """What a robot may do in one namespace.

    :param kind: ``project`` or ``system``.
    :param namespace: a project's name, ``*`` for all, ``/`` for the system.
    :param access: ``resource:action`` words.
    """

    kind: str
    namespace: str
    access: frozenset[str]

    @classmethod
    def project(cls, namespace: str, access: Iterable[str] = PULL_AND_LIST) -> Permission:
        """Permit something in one project, or in all with ``*``."""
        return cls("project", namespace, frozenset(access))

    @classmethod
    def system(cls, access: Iterable[str]) -> Permission:
        """Permit something in the system."""
        return cls("system", "/", frozenset(access))


class RobotDetails(TypedDict, total=False):
    """The optional columns of a robot."""

    level: str
    description: str
    duration: int
    expires_at: datetime | None
    disabled: bool


@dataclass(slots=True, eq=False)
class Robot:
    """A robot account.

    :param name: full name, ``robot$…``.
    :param expires_at: None for never.
    """

    id: int
    name: str
    secret: str = field(repr=False)
    permissions: tuple[Permission, ...]
    created_at: datetime
    level: str = "system"
    description: str = ""
    duration: int = -1
    expires_at: datetime | None = None
    disabled: bool = False

    def admits(self, secret: str, now: datetime) -> bool:
        """Check a secret; a disabled or expired robot admits nobody."""
        alive = not self.disabled and (self.expires_at is None or now < self.expires_at)
        return alive and hmac.compare_digest(self.secret.encode(), secret.encode())


@dataclass(frozen=True, slots=True)
class Caller:
    """The account behind a request.

    :param granted: actions on repositories by project, when a registry token speaks.
    """

    name: str = ""
    admin: bool = False
    robot: Robot | None = None
    granted: Mapping[str, frozenset[str]] | None = None

    @property
    def known(self) -> bool:
        """Whether it is not anonymous."""
        return bool(self.name)

    def may(self, project: Project, right: str) -> bool:
        """Check ``resource:action`` in a project."""
        if self.granted is not None:
            resource, _, action = right.partition(":")
            return resource == "repository" and action in self.granted.get(project.name, ())
        if self.admin or (project.public and right in ANYONE):
            return True
        return any(right in p.access for p in self._permissions(project.name))

    def may_system(self, right: str) -> bool:
        """Check ``resource:action`` in the system."""
        robot = self.robot
        return self.admin or bool(
            robot and any(p.kind == "system" and right in p.access for p in robot.permissions)
        )

    def sees(self, project: Project) -> bool:
        """Whether the list of projects shows it (harbor: src/server/v2.0/handler/project.go)."""
        return (
            self.admin
            or project.public
            or self.may_system("project:list")
            or bool(self._permissions(project.name))
        )

    def _permissions(self, project: str) -> list[Permission]:
        if self.robot is None:
            return []
        return [
            p
            for p in self.robot.permissions
            if p.kind == "project" and p.namespace in {project, "*"}
        ]


ANONYMOUS: Final = Caller()


def read_basic(header: str) -> tuple[str, str] | None:
    """Read user and secret from a Basic header, or nothing from anything else."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (user, secret) if colon else None


class Accounts:
    """The accounts of one stand-in: ``admin``, other users, and robots.

    :param clock: tells the time for expiry.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self.users: dict[str, str] = {"admin": ADMIN_PASSWORD}
        self.robots: dict[str, Robot] = {}
        self._last_id = 0

    def add_user(self, name: str, password: str) -> None:
        """Create a local user without any membership."""
        self.users[name] = password

    def add_robot(
        self,
        name: str,
        secret: str,
        permissions: Iterable[Permission],
        **details: Unpack[RobotDetails],
    ) -> Robot:
        """Create a robot under its full name, replacing one of that name."""
        self._last_id += 1
        robot = Robot(
            self._last_id, name, secret, tuple(permissions), created_at=self._clock(), **details
        )
        self.robots[name] = robot
        return robot

    def robot(self, robot_id: int) -> Robot | None:
        """Find a robot by its id."""
        return next((r for r in self.robots.values() if r.id == robot_id), None)

    def identify(self, name: str, secret: str) -> Caller:
        """Find who it is; with wrong credentials: nobody, and the request goes on as that.

        Source: harbor: src/server/middleware/security (recorded: systeminfo-robot-wrong-secret).
        """
        robot = self.robots.get(name)
        if robot is not None:
            return Caller(name, robot=robot) if robot.admits(secret, self._clock()) else ANONYMOUS
        password = self.users.get(name)
        if password is None or not hmac.compare_digest(password.encode(), secret.encode()):
            return ANONYMOUS
        return Caller(name, admin=name == "admin")
