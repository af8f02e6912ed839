"""Who comes into which page. The rail shows the pages that are open to a person; the pages ask the same table."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contactops.accounts.models import Role, User
from contactops.errors import NotAllowed
from incidents import access
from incidents.access import Right

FLOOR = access.WATCHES
SYSTEM = frozenset({Role.ADMINISTRATOR, Role.AUDITOR})
HOUSE = frozenset({Role.MANAGER, Role.AUDITOR, Role.ADMINISTRATOR})


@dataclass(frozen=True)
class Door:
    """A page by its URL name. `roles`: whose page it is; `right`: who else may come in; `by_site`: one site or all."""

    name: str
    label: Promise
    icon: str
    roles: frozenset[Role] = frozenset(Role)
    right: Right | None = None
    by_site: bool = False

    def opens_for(self, user: User) -> bool:
        return user.role in self.roles or (self.right is not None and self.right in access.rights(user))


DOORS = (
    Door("overview", gettext_lazy("Overview"), "chart-column", HOUSE, Right.LEAD, by_site=True),
    Door("board", gettext_lazy("Board"), "layout-dashboard", FLOOR, by_site=True),
    Door("report", gettext_lazy("Report"), "megaphone", frozenset(), Right.REPORT),
    Door("incidents", gettext_lazy("Incidents"), "list", FLOOR | {Role.MEMBER}, by_site=True),
    Door("promises", gettext_lazy("Promises"), "alarm-clock", FLOOR, by_site=True),
    Door("warnings", gettext_lazy("Warnings"), "bell-ring", FLOOR | {Role.MEMBER}),
    Door("inbox", gettext_lazy("Messages"), "inbox"),
    Door("roster:page", gettext_lazy("Roster"), "calendar-clock"),
    Door("plans:list", gettext_lazy("Plans"), "book-open"),
    Door("system", gettext_lazy("System"), "heart-pulse", SYSTEM),
)
_BY_NAME = {door.name: door for door in DOORS}


def require(user: User, name: str) -> None:
    if not _BY_NAME[name].opens_for(user):
        raise NotAllowed(_("This page is not for your role."))


def opens_any_by_site(user: User) -> bool:
    return any(door.by_site and door.opens_for(user) for door in DOORS)
