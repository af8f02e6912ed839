"""The incident, the reports that feed it and its steps, as they are after the last event."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils.functional import cached_property

from contactops.accounts.models import Role, User
from incidents.engine import lifecycle
from incidents.engine.plan import LEVELS, STEP_KINDS
from incidents.engine.state import IncidentState, load
from incidents.models.base import choices, known

SCOPES = ("me", "team", "floor", "site")
SEES_ALL = (Role.MANAGER, Role.ADMINISTRATOR, Role.AUDITOR)
SEES_SITES = (Role.LEADER, Role.SUPERVISOR)


class RefCounter(models.Model):
    """The last number given out per prefix and year; a number is never used again."""

    prefix = models.CharField(max_length=3)
    year = models.PositiveSmallIntegerField()
    last = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["prefix", "year"], name="one_counter_per_prefix_and_year")]

    def __str__(self) -> str:
        return f"{self.prefix}-{self.year}-{self.last:04d}"


class IncidentQuerySet(models.QuerySet["Incident"]):
    def visible_to(self, user: User) -> IncidentQuerySet:
        """What this person may know of. A restricted incident: the named people, whatever their role, and nobody else."""
        if user.role in SEES_ALL:
            allowed = Q()
        elif user.role in SEES_SITES:
            own = Q(site__in=user.own_site_ids)
            gone_on_elsewhere = Incident.objects.filter(own, merged_into=OuterRef("pk"))
            allowed = own | Q(site=None) | _called(user) | Q(Exists(gone_on_elsewhere))
        else:
            allowed = _called(user)
        named = Q(pk__in=user.named_in.values("pk"))
        return self.filter(Q(allowed, restricted=False) | named)

    def live(self) -> IncidentQuerySet:
        return self.filter(status__in=lifecycle.LIVE)


def _called(user: User) -> Q:
    calls = Incident.called.through.objects.filter(group__in=user.memberships.values("group"))
    return Q(pk__in=calls.values("incident"))


class Incident(models.Model):
    """What is managed. `state` is the whole truth as of `rev`; columns exist because something filters or sorts by them."""

    ref = models.CharField(max_length=16, unique=True)
    kind = models.CharField(max_length=12, choices=choices(lifecycle.KINDS))
    status = models.CharField(max_length=12, choices=choices(lifecycle.STATUSES))
    outcome = models.CharField(max_length=12, blank=True)
    level = models.PositiveSmallIntegerField(null=True, blank=True)
    title = models.CharField(max_length=200)
    type = models.ForeignKey("plans.IncidentType", on_delete=models.PROTECT)
    site = models.ForeignKey("plans.Site", null=True, blank=True, on_delete=models.PROTECT)
    revision = models.ForeignKey("plans.PlanRevision", null=True, blank=True, on_delete=models.PROTECT)
    commander = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="commands"
    )
    merged_into = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="merged")
    restricted = models.BooleanField(default=False)
    named = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, related_name="named_in")
    participants = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, related_name="drills")
    called = models.ManyToManyField("plans.Group", blank=True, related_name="incidents")

    occurred_at = models.DateTimeField()
    reported_at = models.DateTimeField()
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    activated_at = models.DateTimeField(null=True, blank=True)
    contained_at = models.DateTimeField(null=True, blank=True)
    restored_at = models.DateTimeField(null=True, blank=True)
    stood_down_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    rev = models.PositiveIntegerField(default=0)
    head_hash = models.CharField(max_length=64, blank=True)
    state = models.JSONField(default=dict)

    objects = IncidentQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["status", "level", "-reported_at"], name="incident_board"),
            models.Index(fields=["site", "-reported_at"], name="incident_by_site"),
            models.Index(fields=["-closed_at"], name="incident_closed", condition=Q(closed_at__isnull=False)),
        ]
        constraints = [
            known("status", lifecycle.STATUSES, "incident_status_is_known"),
            known("kind", lifecycle.KINDS, "incident_kind_is_known"),
            known("outcome", ("", *lifecycle.OUTCOMES), "incident_outcome_is_known"),
            models.CheckConstraint(condition=Q(level=None) | Q(level__in=LEVELS), name="incident_level_is_1_to_4"),
            models.CheckConstraint(
                condition=(Q(status=lifecycle.CLOSED) & Q(closed_at__isnull=False))
                | (~Q(status=lifecycle.CLOSED) & Q(closed_at=None)),
                name="incident_is_closed_when_it_has_a_closing_time",
            ),
            models.CheckConstraint(
                condition=(Q(status=lifecycle.CLOSED) & ~Q(outcome="")) | (~Q(status=lifecycle.CLOSED) & Q(outcome="")),
                name="incident_has_an_outcome_when_closed",
            ),
            models.CheckConstraint(
                condition=~Q(status=lifecycle.RESPONDING) | Q(activated_at__isnull=False) | Q(level=None),
                name="incident_responding_has_an_activation_time",
            ),
            models.CheckConstraint(
                condition=Q(acknowledged_at=None, status=lifecycle.REPORTED)
                | Q(acknowledged_at__isnull=False)
                | Q(status=lifecycle.CLOSED),
                name="incident_past_reported_was_acknowledged",
            ),
            models.CheckConstraint(
                condition=Q(merged_into=None) | ~Q(merged_into=F("id")), name="incident_is_not_merged_into_itself"
            ),
        ]

    def __str__(self) -> str:
        return self.ref

    @cached_property
    def facts(self) -> IncidentState:
        """The state as the engine knows it; parsed once per instance."""
        return load(self.state)

    @property
    def is_live(self) -> bool:
        return self.status in lifecycle.LIVE

    @property
    def level_is_confirmed(self) -> bool:
        return self.facts.holds("level_confirmed")


class Report(models.Model):
    """What a person sent. The same key and body again is the same report."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="reports")
    reporter = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="reports")
    client_key = models.UUIDField()
    body_hash = models.CharField(max_length=64)
    incident_type = models.ForeignKey("plans.IncidentType", on_delete=models.PROTECT)
    site = models.ForeignKey("plans.Site", null=True, blank=True, on_delete=models.PROTECT)
    seat = models.ForeignKey("plans.Seat", null=True, blank=True, on_delete=models.PROTECT)
    scope = models.CharField(max_length=8, choices=choices(SCOPES))
    can_take_calls = models.BooleanField(null=True, blank=True)
    joined = models.BooleanField(default=False)
    note = models.ForeignKey("incidents.Note", on_delete=models.PROTECT, related_name="+")
    occurred_at = models.DateTimeField()
    captured_at = models.DateTimeField()
    received_at = models.DateTimeField()
    next_update_at = models.DateTimeField(null=True, blank=True, help_text="as promised when it was received")

    class Meta:
        ordering = ["-received_at"]
        constraints = [
            models.UniqueConstraint(fields=["reporter", "client_key"], name="report_key_is_used_once_per_reporter"),
            known("scope", SCOPES, "report_scope_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.incident}: {self.reporter}"


class StepRun(models.Model):
    """One step of one incident, as it is now."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="steps")
    key = models.CharField(max_length=160)
    step_id = models.CharField(max_length=130)
    activation = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=12, choices=choices(STEP_KINDS))
    title = models.JSONField()
    detail = models.JSONField(default=dict, blank=True)
    options = models.JSONField(default=list, blank=True)
    group_key = models.CharField(max_length=20)
    group = models.ForeignKey("plans.Group", null=True, blank=True, on_delete=models.PROTECT)
    status = models.CharField(max_length=12, choices=choices(lifecycle.STEP_STATUSES))
    mandatory = models.BooleanField(default=True)
    reserved = models.BooleanField(default=False)
    assignee = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT)
    decision = models.CharField(max_length=60, blank=True)
    target = models.DurationField(null=True, blank=True)
    took = models.DurationField(null=True, blank=True)
    opened_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True, blank=True)
    overdue = models.BooleanField(default=False)
    started_at = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["incident", "key"], name="step_key_is_unique_in_an_incident"),
            known("status", lifecycle.STEP_STATUSES, "step_status_is_known"),
            known("kind", STEP_KINDS, "step_kind_is_known"),
            models.CheckConstraint(
                condition=(Q(status__in=["done", "skipped", "withdrawn"]) & Q(done_at__isnull=False))
                | (~Q(status__in=["done", "skipped", "withdrawn"]) & Q(done_at=None)),
                name="step_is_over_when_it_has_an_end",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.incident_id} {self.key}"

    @property
    def is_open(self) -> bool:
        return self.status in lifecycle.STEP_OPEN
