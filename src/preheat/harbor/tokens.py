"""Pull tokens: minted just before they are used, and looked into before they are trusted.

Harbor's token service answers wrong credentials with 200 and an anonymous token, and missing or
forbidden projects with 200 and no actions (recorded: token-wrong-secret, token-forbidden-repo). A
token opens every repository of the projects it names (harbor: middleware/v2auth/auth.go; recorded:
v2-token-other-repo-same-project), lives 30 minutes by default, and holds all that the account may.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import jwt
import msgspec
from msgspec import Struct
from pydantic import SecretStr

from preheat.errors import RefusedError
from preheat.harbor.answers import TokenAnswer, decode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from preheat.harbor.api import HarborApi
    from preheat.transport import Answer

__all__ = ["Grant", "grant", "pull_authorization"]

PATH = "/service/token"
SERVICE = "harbor-registry"


class _Access(Struct):
    name: str
    actions: list[str] | None = None


class _Claims(Struct):
    sub: str = ""
    access: list[_Access] | None = None


class Grant(Struct):
    """What the token service granted.

    :param token: the JWT.
    :param subject: the account it is for; empty for an anonymous one.
    :param pullable: projects that it may pull from.
    :param life_seconds: how long the registry takes it.
    """

    token: SecretStr
    subject: str
    pullable: frozenset[str]
    answer: Answer
    life_seconds: float


def grant(api: HarborApi, repositories: Iterable[str]) -> Grant:
    """Ask for a token with one scope for each project of these repositories.

    :param repositories: full names; which one of a project does not matter to Harbor.
    """
    by_project = {name.partition("/")[0]: name for name in repositories}
    scopes = [("scope", f"repository:{by_project[project]}:pull") for project in sorted(by_project)]
    answer = api.get("token", PATH, params=[("service", SERVICE), *scopes])
    given = decode(answer, TokenAnswer, "a token")
    claims = _claims_of(given.token, answer)
    pullable = {
        entry.name.partition("/")[0]
        for entry in claims.access or ()
        if not {"pull", "*"}.isdisjoint(entry.actions or ())
    }
    return Grant(SecretStr(given.token), claims.sub, frozenset(pullable), answer, given.expires_in)


def pull_authorization(api: HarborApi, repositories: Iterable[str]) -> SecretStr:
    """Mint the value of an ``Authorization`` header that can pull from all these repositories.

    :raises RefusedError: if Harbor does not know the credentials, or they may not pull.
    """
    names = list(repositories)
    granted = grant(api, names)
    if api.username and not granted.subject:
        raise _refused(
            api,
            granted,
            f"The token service treats {api.username} as an anonymous caller. "
            "Check its name (a robot's begins with robot$), its secret and its expiry date.",
        )
    missing = sorted({name.partition("/")[0] for name in names} - granted.pullable)
    if missing:
        raise _refused(
            api,
            granted,
            f"{api.username or 'An anonymous caller'} may not pull from {', '.join(missing)}. "
            "Give the robot the permission repository:pull there, or correct the project's name.",
        )
    return SecretStr(f"Bearer {granted.token.get_secret_value()}")


def _refused(api: HarborApi, granted: Grant, message: str) -> RefusedError:
    return RefusedError(
        message,
        system=api.transport.system,
        request=granted.answer.request,
        status=granted.answer.status,
    )


def _claims_of(token: str, answer: Answer) -> _Claims:
    """Read the claims; the registry verifies the signature, not its client."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
        return msgspec.convert(claims, _Claims)
    except (jwt.InvalidTokenError, msgspec.ValidationError):
        # The body holds the token: say nothing of it.
        hidden = type(answer)(
            answer.system, answer.request, answer.status, answer.headers, b"(token hidden)"
        )
        raise hidden.unexpected("a token that can be read") from None
