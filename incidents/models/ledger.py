"""The promise ledger, and a sign of life from every clock that fires it."""

from datetime import timedelta

from django.db import models
from django.db.models import Q

from incidents.engine import ledger
from incidents.engine.turn import LATE_MS
from incidents.models.base import choices, known
from incidents.models.incident import Incident

OUTAGE = timedelta(milliseconds=LATE_MS)  # kept by us so much too late, the console was down


class Timer(models.Model):
    """One promise. `late` is the plan's lateness (fired - due), `system_late` ours (fired - the later of due and armed)."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="timers")
    key = models.CharField(max_length=200)
    base = models.CharField(max_length=190)
    activation = models.PositiveSmallIntegerField()
    plan = models.CharField(max_length=60)
    rule = models.CharField(max_length=80)
    subject = models.CharField(max_length=60, blank=True)
    n = models.PositiveSmallIntegerField()
    action = models.CharField(max_length=400)
    due_at = models.DateTimeField()
    armed_at = models.DateTimeField()
    state = models.CharField(max_length=12, choices=choices(ledger.STATES), default=ledger.PENDING)
    fired_at = models.DateTimeField(null=True, blank=True)
    late = models.DurationField(null=True, blank=True)
    system_late = models.DurationField(null=True, blank=True)

    class Meta:
        ordering = ["due_at", "pk"]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(state=ledger.PENDING), name="timer_pending_by_due"),
            models.Index(
                fields=["fired_at"],
                condition=Q(state=ledger.FIRED, system_late__gt=OUTAGE),
                name="timer_after_downtime",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["incident", "key"], name="promise_is_kept_once_per_incident"),
            known("state", ledger.STATES, "timer_state_is_known"),
            models.CheckConstraint(
                condition=(Q(state=ledger.FIRED) & Q(fired_at__isnull=False))
                | (~Q(state=ledger.FIRED) & Q(fired_at=None)),
                name="timer_fired_has_its_time",
            ),
        ]

    def __str__(self) -> str:
        return self.key


class ClockBeat(models.Model):
    """The last look of one worker's clock at the ledger. `resting`: the incidents it cannot settle and leaves alone for a
    while, by id."""

    worker = models.CharField(max_length=120, unique=True)
    looked_at = models.DateTimeField()
    resting = models.JSONField(default=list)

    def __str__(self) -> str:
        return self.worker
