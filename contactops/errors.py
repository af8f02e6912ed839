"""The ways in which a request can be refused. A leaf module: anybody may import it."""

from collections.abc import Sequence


class DomainError(Exception):
    """Something a person asked for cannot be done. `detail` is a sentence for that person; `code` is for programs."""

    status = 400
    code = "invalid"

    def __init__(self, detail: str, *, code: str | None = None, open: Sequence[str] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.code
        self.open = list(open)


class Invalid(DomainError):
    """The input is wrong; `fields` says where."""

    def __init__(self, detail: str, *, field: str = "non_field_errors") -> None:
        super().__init__(detail)
        self.fields = {field: [detail]}


class NotFound(DomainError):
    """It does not exist, or the caller may not know that it does."""

    status = 404
    code = "not_found"


class NotAllowed(DomainError):
    """The caller may see it, but not do this."""

    status = 403
    code = "not_allowed"


class Conflict(DomainError):
    """The incident is not in a state in which this can be done, or it moved on meanwhile."""

    status = 409
    code = "conflict"


class TooMany(DomainError):
    """Asked for too often within a minute."""

    status = 429
    code = "too_many"
