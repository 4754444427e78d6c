"""What a connection lets in, as Airflow tells it; and whether Airflow could tell at all.

Airflow passes over a secrets backend that fails, and says in the end that there is no such
connection (airflow: task-sdk, execution_time/context.py, ``_get_connection``). Whoever is told so
by us must be able to believe it, so the backends are asked once more then.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from preheat.errors import InputError
from preheat.provider.hooks.harbor import HarborHook

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk import Connection
    from pydantic import SecretStr

__all__ = ["LookedUp", "TokenBucket", "look_up"]


@dataclass(frozen=True, slots=True)
class LookedUp:
    """What a lookup brought.

    :param values: what is let in.
    :param words: why nobody can be let in; "" where somebody can.
    :param is_sure: whether that is so, and not only because nothing could be looked up.
    """

    values: tuple[SecretStr, ...] = ()
    words: str = ""
    is_sure: bool = True


def look_up(connection_id: str) -> LookedUp:
    """Look up what a connection lets in, or why it lets nobody in; raises nothing."""
    try:
        connection = BaseHook.get_connection(connection_id)
    except AirflowNotFoundException:
        return _not_found(connection_id)
    except PermissionError:
        # A backend that denies it has decided.
        return LookedUp(words="Airflow may not read the connection")
    except Exception as error:  # noqa: BLE001 - what somebody else's secrets backend raises
        return LookedUp(words=_unreadable(error), is_sure=False)
    return _read(connection_id, connection)


def _read(connection_id: str, connection: Connection) -> LookedUp:
    try:
        if connection.conn_type != HarborHook.conn_type:
            return LookedUp(words="the connection is not of the type harbor")
        values = HarborHook(connection_id).webhook_authorizations(connection)
    except InputError as error:
        return LookedUp(words=str(error))
    except Exception as error:  # noqa: BLE001 - what is in a connection is anybody's guess
        return LookedUp(words=_unreadable(error))
    return LookedUp(values, "" if values else "the connection has no webhook_authorization")


def _not_found(connection_id: str) -> LookedUp:
    """Tell whether it is not there, or a backend failed that would know."""
    # Much is imported with it; Airflow did that already when it looked.
    from airflow.sdk.execution_time.supervisor import (  # noqa: PLC0415
        ensure_secrets_backend_loaded,
    )

    words = "there is no such connection, or Airflow cannot read it"
    for backend in ensure_secrets_backend_loaded():
        try:
            backend.get_connection(conn_id=connection_id)
        except ValueError:
            # It is there, and written wrongly: that will not pass by itself.
            return LookedUp(words=words)
        except Exception as error:  # noqa: BLE001 - what somebody else's secrets backend raises
            return LookedUp(words=_unreadable(error), is_sure=False)
    return LookedUp(words=words)


def _unreadable(error: Exception) -> str:
    return f"the connection cannot be read ({type(error).__name__})"


class TokenBucket:
    """Lets so many things happen in a second, and more at once after a pause.

    :param rate: a second.
    :param most: at once.
    :param clock: seconds that never go back.
    """

    def __init__(
        self, rate: float, most: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate
        self._most = most
        self._clock = clock
        self._left = most
        self._at = clock()

    def take(self) -> bool:
        """Take one, if there is one left."""
        now = self._clock()
        self._left = min(self._left + (now - self._at) * self._rate, self._most)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
