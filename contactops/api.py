"""What every API view shares: one mapping of errors, one reading of bodies, idempotency, pages."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import translation
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework import exceptions, parsers, views
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response

from contactops.accounts.models import User
from contactops.errors import DomainError, Invalid


def caller(request: Request) -> User:
    """Who asks. Every view here is for people who are signed in."""
    if not isinstance(request.user, User):
        raise exceptions.NotAuthenticated
    return request.user


IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER, description="The same key and body again is answered the same."
)


_NUL = re.compile(r"(?<!\\)(\\\\)*\\u0000")  # the character, and not a backslash before “u0000”


class Parser(parsers.JSONParser):
    """JSON as the database can hold it: real Unicode without NUL, an object at the top, nested sensibly."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        try:
            data = super().parse(stream, media_type, parser_context)
            spelled = json.dumps(data, ensure_ascii=False)
            spelled.encode()
        except RecursionError:
            raise exceptions.ParseError(_("This is nested too deeply.")) from None
        except UnicodeEncodeError:
            raise exceptions.ParseError(_("The text contains a broken character.")) from None
        except (exceptions.ParseError, LookupError):  # the framework says why in English
            raise exceptions.ParseError(_("This is not JSON in UTF-8.")) from None
        if _NUL.search(spelled):
            raise exceptions.ParseError(_("The text contains a character that cannot be stored (NUL)."))
        if not isinstance(data, dict):
            raise exceptions.ParseError(_("Send a JSON object."))
        return data


class View(views.APIView):
    """An API view in the caller's language."""

    parser_classes = [Parser]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if isinstance(request.user, User):
            translation.activate(request.user.language)
        super().initial(request, *args, **kwargs)


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """DomainError as JSON; everything else as the framework has it. A fault of ours stays a fault."""
    if isinstance(error, Invalid):
        return Response(error.fields, status=error.status)
    if isinstance(error, DomainError):
        body = {"code": error.code, "detail": error.detail, **({"open": error.open} if error.open else {})}
        return Response(body, status=error.status)
    return views.exception_handler(error, dict(context))


_ERRORS = {
    "400": ("FieldErrors", "What is wrong, by field."),
    "401": ("Refusal", "Nobody is signed in."),
    "403": ("Refusal", "The caller may not do this."),
    "404": ("Refusal", "It does not exist, or the caller may not see it."),
    "409": ("Refusal", "Illegal in this state, or the incident moved on; `open` names what stands in the way."),
}
_ON_READING = ("400", "401", "403", "404")


def describe_errors(result: Any, generator: Any, request: Any, public: bool) -> Any:
    """Every operation's errors, which the schema generator cannot see because one handler answers them all."""
    words = {"type": "string"}
    several = {"type": "array", "items": words}
    result["components"]["schemas"] |= {
        "FieldErrors": {"type": "object", "additionalProperties": {"anyOf": [words, several, {"type": "object"}]}},
        "Refusal": {
            "type": "object",
            "properties": {"code": words, "detail": words, "open": several},
            "required": ["detail"],
        },
    }
    for operations in result["paths"].values():
        for method, operation in operations.items():
            for status in _ERRORS if method == "post" else _ON_READING:
                name, meaning = _ERRORS[status]
                content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
                operation["responses"].setdefault(status, {"description": meaning, "content": content})
    return result


class Pages(CursorPagination):
    """`{results, next}`; `next` is a whole address or null."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500
    ordering = "-pk"

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> Any:
        try:
            return super().paginate_queryset(queryset, request, view)
        except (ValueError, ValidationError):  # a cursor that we never gave out
            raise exceptions.NotFound(self.invalid_cursor_message) from None

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"results": data, "next": self.get_next_link()})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        address = {"type": ["string", "null"], "format": "uri"}
        return {"type": "object", "required": ["results"], "properties": {"results": schema, "next": address}}


def fingerprint(request: Request) -> str:
    """What was asked, for telling a repeated call from another one under the same key."""
    body = json.dumps(request.data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{request.method} {request.get_full_path()}\n{body}".encode()).hexdigest()
