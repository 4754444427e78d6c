"""Harbor's token service: signed registry tokens, and what a presented one is worth.

Source: harbor: src/core/service/token, src/common/security/v2token/context.go.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from preheat.sandbox.harbor.accounts import ANONYMOUS, Caller

if TYPE_CHECKING:
    from collections.abc import Sequence

    from preheat.sandbox.harbor.settings import Settings

__all__ = ["SERVICE", "TokenMaker"]

ISSUER: Final = "harbor-token-issuer"
SERVICE: Final = "harbor-registry"
KEY_BITS: Final = 2048


@cache
def _signing_key() -> rsa.RSAPrivateKey:
    """Make the key once a process: that takes longer than a test."""
    return rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)


@cache
def _key_id() -> str:
    """Name the key as libtrust does: twelve groups of four letters."""
    public = _signing_key().public_key()
    body = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    name = base64.b32encode(hashlib.sha256(body).digest()[:30]).decode()
    return ":".join(name[i : i + 4] for i in range(0, len(name), 4))


class TokenMaker:
    """Signs registry tokens and reads them back.

    :param settings: lifetime, leeway and clock.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def make(self, caller: Caller, access: Sequence[dict[str, Any]] | None) -> dict[str, Any]:
        """Issue a token; an unknown caller gets one too, without a subject."""
        now = self._settings.clock().astimezone(UTC)
        lifetime = self._settings.token_lifetime_seconds
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": SERVICE,
            "exp": (now + timedelta(seconds=lifetime)).timestamp(),
            "nbf": now.timestamp(),
            "iat": now.timestamp(),
            "jti": secrets.token_urlsafe(12),
            "access": access,
        }
        if lifetime >= 1:
            claims |= {name: int(claims[name]) for name in ("exp", "nbf", "iat")}
        if caller.known:
            claims["sub"] = caller.name
        token = jwt.encode(claims, _signing_key(), algorithm="RS256", headers={"kid": _key_id()})
        return {
            "token": token,
            "access_token": "",
            "expires_in": int(lifetime),
            "issued_at": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        }

    def read(self, token: str) -> Caller:
        """Tell what a token is worth: nothing when it is forged, malformed or too old.

        Access is collapsed to projects, the last entry of a project wins: a token for one
        repository opens its whole project (recorded: v2-token-other-repo-same-project).
        """
        try:
            claims = jwt.decode(
                token,
                _signing_key().public_key(),
                algorithms=["RS256"],
                audience=SERVICE,
                issuer=ISSUER,
                options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )
        except jwt.InvalidTokenError:
            return ANONYMOUS
        end = datetime.fromtimestamp(claims["exp"], UTC)
        leeway = timedelta(seconds=self._settings.token_leeway_seconds)
        if self._settings.clock().astimezone(UTC) > end + leeway:
            return ANONYMOUS
        granted = {
            entry["name"].partition("/")[0]: frozenset(entry["actions"])
            for entry in claims["access"] or ()
            if entry["type"] == "repository"
        }
        return Caller(claims.get("sub", "anonymous"), granted=granted)
