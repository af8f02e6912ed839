"""From what people write to what is meant: sites, groups and people by their code, key or name."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from django.utils.translation import gettext as _

from contactops.accounts.models import User
from contactops.errors import Invalid
from plans.models import Group, Membership, Site

Named = TypeVar("Named")
ANYWHERE = frozenset({"", "*", "all", "全部", "所有职场"})


@dataclass(frozen=True, slots=True)
class Names:
    """Everything that a line of a roster may name. Read in four queries, however many lines there are."""

    sites: Mapping[str, list[Site]]
    groups: Mapping[str, list[Group]]
    people: Mapping[str, list[User]]
    members: frozenset[tuple[int, int]]

    @classmethod
    def load(cls) -> "Names":
        users = User.objects.only("username", "name", "employee_number", "is_active", "language")
        return cls(
            _index((site, (site.code, *site.name.values())) for site in Site.objects.all()),
            _index((group, (group.key, *group.name.values())) for group in Group.objects.select_related("site")),
            _people(users),
            frozenset(Membership.objects.values_list("group_id", "user_id")),
        )

    def place(self, site: str, group: str) -> tuple[Group, Site | None]:
        """The group, and where the shift counts if the group is the whole organisation's. A site's own group goes first."""
        where = self._site(site)
        found = self.groups.get(_plain(group), [])
        own = [one for one in found if where and one.site_id == where.pk]
        shared = [one for one in found if one.site_id is None]
        if own or shared:
            chosen = (own or shared)[0]
            return chosen, None if chosen.site_id else where
        if found and not where:
            raise Invalid(_("“%(group)s” belongs to a site: name the site.") % {"group": group}, field="site")
        if found:
            said = _("There is no group “%(group)s” at %(site)s.") % {"group": group, "site": where}
            raise Invalid(said, field="group")
        raise Invalid(_("There is no group “%(group)s”.") % {"group": group}, field="group")

    def _site(self, text: str) -> Site | None:
        if _plain(text) in ANYWHERE:
            return None
        found = self.sites.get(_plain(text))
        if not found:
            raise Invalid(_("There is no site “%(code)s”.") % {"code": text}, field="site")
        return found[0]

    def person(self, text: str, group: Group) -> User:
        """An active person who is in the group: whoever is called must be able to open what they are called to."""
        found = self.people.get(_plain(text), [])
        if len(found) > 1:
            found = [one for one in found if (group.pk, one.pk) in self.members] or found
        if len(found) > 1:
            said = _("More than one person is called “%(name)s”: write the username.")
            raise Invalid(said % {"name": text}, field="person")
        if not found:
            raise Invalid(_("There is nobody called “%(name)s”.") % {"name": text}, field="person")
        [user] = found
        if not user.is_active:
            raise Invalid(_("%(person)s is not active.") % {"person": user}, field="person")
        if (group.pk, user.pk) not in self.members:
            said = _("%(person)s is not in %(group)s.") % {"person": user, "group": group.key}
            raise Invalid(said, field="person")
        return user


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _index(named: Iterable[tuple[Named, Iterable[str]]]) -> dict[str, list[Named]]:
    found: dict[str, list[Named]] = {}
    for one, names in named:
        for name in {_plain(name) for name in names if name}:
            found.setdefault(name, []).append(one)
    return found


def _people(users: Iterable[User]) -> dict[str, list[User]]:
    """A username goes before an employee number, that before a name: only the last may be shared."""
    found: dict[str, list[User]] = {}
    everybody = list(users)
    for index in (
        _index((user, (user.username,)) for user in everybody),
        _index((user, (user.employee_number,)) for user in everybody),
        _index((user, (user.name,)) for user in everybody),
    ):
        for name, those in index.items():
            found.setdefault(name, those)
    return found
