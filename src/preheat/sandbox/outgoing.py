"""How the stand-ins themselves call others: peers their registry, webhooks their receivers."""

from __future__ import annotations

from http.cookiejar import DefaultCookiePolicy

import requests
from requests.adapters import HTTPAdapter

__all__ = ["new_session"]

_POOL = 64


def new_session() -> requests.Session:
    """Open a session that keeps connections but no cookies, netrc or proxies."""
    session = requests.Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_connections=4, pool_maxsize=_POOL))
    return session
