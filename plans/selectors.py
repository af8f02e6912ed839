"""What others read about the organisation and the plans. Every function says how many queries it makes."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from contactops.accounts.models import User
from contactops.errors import NotFound
from plans import shifts
from plans.models import (
    Family,
    Group,
    IncidentType,
    Membership,
    PlanKind,
    PlanRevision,
    RevisionStatus,
    Shift,
    Site,
)
from plans.schema import normal

Words = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One published plan in a list."""

    slug: str
    title: Words
    purpose: Words
    family: str
    kind: str
    revision: int
    effective_at: datetime
    incident_types: list[str]

    @property
    def family_name(self) -> str:
        return str(Family(self.family).label)

    @property
    def kind_name(self) -> str:
        return str(PlanKind(self.kind).label)


def published(slug: str) -> PlanRevision:
    """The revision in force, with its plan. One query."""
    revision = _published().filter(plan__slug=slug).first()
    if revision is None:
        raise NotFound(_("There is no published plan “%(slug)s”.") % {"slug": slug})
    return revision


def house_revision() -> PlanRevision | None:
    """The published house plan, in force from every report. One query."""
    return _published().filter(plan__kind=PlanKind.HOUSE).first()


def response_revisions() -> list[PlanRevision]:
    """Every published plan that can be activated, by slug. One query."""
    return list(_published().filter(plan__kind=PlanKind.RESPONSE))


def _published() -> QuerySet[PlanRevision]:
    rows = PlanRevision.objects.select_related("plan")
    return rows.filter(status=RevisionStatus.PUBLISHED).order_by("plan__slug")


def incident_types() -> list[IncidentType]:
    """Every type a reporter may choose, with the plan proposed for it. One query."""
    return list(IncidentType.objects.select_related("default_plan"))


def plan_list() -> list[PlanRow]:
    """Every published plan. One query."""
    return [_row(revision) for revision in _published()]


def plans_by_family() -> list[tuple[str, list[PlanRow]]]:
    """The same under the names of their families, the general ones last. One query."""
    found: dict[str, list[PlanRow]] = {}
    for row in plan_list():
        found.setdefault(row.family, []).append(row)
    order = [*(family for family in Family if family != Family.GENERAL), Family.GENERAL]
    return [(str(family.label), found[family]) for family in order if family in found]


def _row(revision: PlanRevision) -> PlanRow:
    document = revision.document
    assert revision.effective_at
    return PlanRow(
        slug=document["slug"],
        title=document["title"],
        purpose=document["purpose"],
        family=document["family"],
        kind=document["kind"],
        revision=revision.number,
        effective_at=revision.effective_at,
        incident_types=document.get("incident_types", []),
    )


def plan_revision(slug: str, number: int | None = None) -> PlanRevision:
    """The revision in force, or one that is or was in force, by number. Drafts are nobody's business here. One query."""
    if number is None:
        return published(slug)
    rows = PlanRevision.objects.select_related("plan", "author", "approver").exclude(status=RevisionStatus.DRAFT)
    revision = rows.filter(plan__slug=slug, number=number).first()
    if revision is None:
        raise NotFound(_("There is no published revision %(number)s of “%(slug)s”.") % {"number": number, "slug": slug})
    return revision


@dataclass(frozen=True, slots=True)
class PastRevision:
    """A revision and until when it was in force; None for the one that is."""

    revision: PlanRevision
    until: datetime | None


def plan_history(slug: str) -> list[PastRevision]:
    """What is and was in force, newest first. One query."""
    rows = PlanRevision.objects.select_related("plan", "author", "approver").exclude(status=RevisionStatus.DRAFT)
    revisions = list(rows.filter(plan__slug=slug).order_by("-number"))
    if not revisions:
        raise NotFound(_("There is no published plan “%(slug)s”.") % {"slug": slug})
    ends = [None, *(revision.effective_at for revision in revisions)]
    return [PastRevision(revision, until) for revision, until in zip(revisions, ends, strict=False)]


def plan_document(slug: str, number: int | None = None) -> dict[str, Any]:
    """A published revision in the shape of its file, and which revision it is. One query."""
    revision = plan_revision(slug, number)
    about = {"revision": revision.number, "status": revision.status, "effective_at": revision.effective_at}
    return {**normal(revision.document), **about}


def people_of(groups: Collection[Group]) -> dict[int, list[User]]:
    """The active people of these groups by group id, in the order in which they are asked. One query."""
    rows = Membership.objects.filter(group__in=groups, user__is_active=True).select_related("user")
    found: dict[int, list[User]] = {}
    for member in rows:
        found.setdefault(member.group_id, []).append(member.user)
    return found


def on_duty(groups: Collection[Group], at: datetime, *, site: Site | None = None) -> dict[int, list[User]]:
    """Whom of each group to call at that time, by group id, in the order in which they are asked; a group with nobody on
    duty is not in it. Two queries.

    A group that keeps a roster (plans.shifts says when it does) is asked by it: who is on shift then, overrides first, then
    in the order of the group. One that keeps none is asked by its members' order. With a site, the shifts of
    organisation-wide groups that count elsewhere are left out.
    """
    members = people_of(groups)
    found: dict[int, list[User]] = {}
    rosters = shifts.touching(groups, at - shifts.REACH, at + shifts.REACH, site)
    for group in groups:
        asked = members.get(group.pk, [])
        if group.pk in rosters:
            asked = _by_roster(shifts.on_shift(rosters[group.pk], at), asked)
        if asked:
            found[group.pk] = asked
    return found


def _by_roster(holding: list[Shift], members: list[User]) -> list[User]:
    """Everybody once: overrides first, then in the order of the group, who is not in it any more last."""
    rank = {user.pk: place for place, user in enumerate(members)}
    ordered = sorted(holding, key=lambda one: (not one.is_override, rank.get(one.person_id, len(rank))))
    return list({one.person_id: one.person for one in ordered}.values())
