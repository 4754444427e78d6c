"""What a caller hears when something is wrong: all faults at once.

Programs get problem details (RFC 9457), people a page.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from preheat.errors import InputError, LedgerError, ProblemsError, RemoteError
    answer = await _told(request, error)
    answer.headers.update(SAFE_HEADERS)  # it is answered outside of what gives them to all others
    return answer
