"""The verbs of plans: load a document into a draft, publish a draft."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from contactops.accounts.models import Role, User
from contactops.errors import Conflict, Invalid, NotAllowed
from plans import catalogue, yaml_io
from plans.models import Group, IncidentType, Plan, PlanKind, PlanRevision, RevisionStatus
from plans.schema import normal

DRAFTERS = frozenset({Role.SUPERVISOR, Role.MANAGER, Role.ADMINISTRATOR})
APPROVERS = frozenset({Role.MANAGER})


@dataclass(frozen=True, slots=True)
class Loaded:
    """What loading a document led to: the revision that says the same, and whether anything was written."""

    revision: PlanRevision
    changed: bool


@transaction.atomic
def load(document: Mapping[str, Any], *, by: User | None = None, reason: str = "") -> Loaded:
    """The document as a draft, unless the published revision or the draft says the same already."""
    if findings := yaml_io.check(document):
        raise Invalid("\n".join(findings), field="document")
    if by is not None:
        _may_draft(by)
    document = normal(document)
    plan = _plan(document)
    draft = plan.revisions.filter(status=RevisionStatus.DRAFT).first()
    published = plan.revisions.filter(status=RevisionStatus.PUBLISHED).first()
    for revision in (published, draft):
        if revision and normal(revision.document) == document:
            return Loaded(revision, changed=False)
    if draft is None:
        latest = plan.revisions.order_by("-number").first()
        draft = PlanRevision(plan=plan, number=latest.number + 1 if latest else 1)
    draft.document, draft.author, draft.reason = document, by, reason
    draft.save()
    return Loaded(draft, changed=True)


def _plan(document: Mapping[str, Any]) -> Plan:
    """The plan of that slug, locked so that two people cannot write the same revision number."""
    if document["kind"] == PlanKind.HOUSE:
        other = Plan.objects.filter(kind=PlanKind.HOUSE).exclude(slug=document["slug"]).first()
        if other:
            raise Conflict(_("“%(slug)s” is the house plan already.") % {"slug": other.slug})
    kept = {"family": document["family"], "kind": document["kind"]}
    Plan.objects.get_or_create(slug=document["slug"], defaults=kept)
    return Plan.objects.select_for_update().get(slug=document["slug"])


@transaction.atomic
def publish(
    revision: PlanRevision, *, by: User, approved_by: User, reason: str = "", effective_at: datetime | None = None
) -> PlanRevision:
    """Put a draft in force and retire the one before. Two different people; the second is a manager."""
    plan = Plan.objects.select_for_update().get(pk=revision.plan_id)
    revision = PlanRevision.objects.select_related("author").get(pk=revision.pk)
    if revision.status != RevisionStatus.DRAFT:
        raise Conflict(_("This revision has been published already."))
    author = revision.author or by
    _may_draft(by)
    _may_approve(approved_by, {author, by})
    now = _now()
    plan.revisions.filter(status=RevisionStatus.PUBLISHED).update(status=RevisionStatus.RETIRED)
    revision.status = RevisionStatus.PUBLISHED
    revision.author, revision.approver = author, approved_by
    revision.reason = reason or revision.reason
    revision.published_at, revision.effective_at = now, effective_at or now
    revision.save()
    _take_over(plan, revision.document)
    return revision


def _now() -> datetime:
    """The database's clock, as for everything that is promised. One query."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT app_now()")
        now: datetime = cursor.fetchone()[0]
    return now


def _may_draft(person: User) -> None:
    if not person.is_active or person.role not in DRAFTERS:
        raise NotAllowed(_("%(person)s may not write plans.") % {"person": person})


def _may_approve(person: User, writers: set[User]) -> None:
    if not person.is_active or person.role not in APPROVERS:
        raise NotAllowed(_("%(person)s may not approve plans: a manager does that.") % {"person": person})
    if person in writers:
        raise NotAllowed(_("Nobody approves their own revision: ask another manager."))


def _take_over(plan: Plan, document: Mapping[str, Any]) -> None:
    """The plan's own row follows the revision in force, and so do the incident types it answers for."""
    plan.family, plan.kind = document["family"], document["kind"]
    plan.save(update_fields=["family", "kind"])
    ensure_catalogue()
    for slug in document.get("incident_types", []):
        kept = {"family": plan.family, "name": document["title"]}
        IncidentType.objects.get_or_create(slug=slug, defaults=kept)
    IncidentType.objects.filter(slug__in=document.get("incident_types", [])).update(default_plan=plan)
    if plan.slug == catalogue.GENERAL:
        IncidentType.objects.filter(default_plan=None).update(default_plan=plan)


@transaction.atomic
def ensure_catalogue() -> None:
    """The incident types and the organisation's groups exist. What somebody has changed since stays as it is."""
    general = Plan.objects.filter(slug=catalogue.GENERAL).first()
    types = [
        IncidentType(slug=one.slug, family=one.family, name={"en": one.en, "zh-hans": one.zh}, default_plan=general)
        for one in catalogue.TYPES
    ]
    IncidentType.objects.bulk_create(types, ignore_conflicts=True)
    groups = [
        Group(
            key=one.key,
            name={"en": one.en, "zh-hans": one.zh},
            duties={"en": one.duties_en, "zh-hans": one.duties_zh},
        )
        for one in catalogue.GROUPS
    ]
    Group.objects.bulk_create(groups, ignore_conflicts=True)
