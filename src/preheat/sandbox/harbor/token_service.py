"""The route of Harbor's token service."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from preheat.sandbox.harbor.accounts import Caller
from preheat.sandbox.harbor.call import Opened, reply, text
from preheat.sandbox.harbor.state import HarborState
from preheat.sandbox.harbor.token import SERVICE

__all__ = ["router"]

ACTIONS: Final = ("pull", "push", "delete")

router = APIRouter()


def _access(state: HarborState, caller: Caller, scope: str) -> dict[str, Any]:
    """Answer one scope with everything the account may do there, whatever was asked."""
    kind, _, rest = scope.partition(":")
    name = rest.rpartition(":")[0]
    if kind == "registry":
        actions = ["*"] if name == "catalog" and caller.may_system("catalog:read") else []
        return {"type": kind, "name": name, "actions": actions}
    project = state.projects.get(name.partition("/")[0])
    actions = [a for a in ACTIONS if project and caller.may(project, f"repository:{a}")]
    return {"type": kind, "name": name, "actions": actions}


@router.get("/service/token")
async def issue_token(call: Opened, request: Request) -> Response:
    """Issue a token; a wrong secret gets an anonymous one (recorded: token-wrong-secret)."""
    service = request.query_params.get("service", "")
    if service != SERVICE:
        return text(f"Unable to handle service: {service}", status=HTTPStatus.BAD_REQUEST)
    scopes = [s for value in request.query_params.getlist("scope") for s in value.split()]
    access = [_access(call.state, call.caller, scope) for scope in scopes] or None
    body = call.state.tokens.make(call.caller, access)
    return reply(body, content_type="application/json; charset=utf-8")


@router.post("/service/token")
async def refuse_post() -> Response:
    """Refuse the OAuth2 form of token requests (recorded: token-post)."""
    return text("Method Not Allowed\n", status=HTTPStatus.METHOD_NOT_ALLOWED)
