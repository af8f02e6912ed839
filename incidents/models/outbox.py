"""The outbox: who must hear what, over which channel, and what became of it."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from contactops.accounts.models import Channel
from incidents.models.base import choices, known
from incidents.models.incident import Incident

QUEUED, LEASED, HANDED, DELIVERED, READ, FAILED, EXPIRED, SUPPRESSED, UNKNOWN = STATES = (
    *("queued", "leased", "handed", "delivered", "read"),
    *("failed", "expired", "suppressed", "unknown"),
)
OUTCOMES = ("started", "handed", "failed", "refused", "unknown")


class Notification(models.Model):
    """One message to one person over one channel, written with the event that caused it. `items` say what it is about;
    the words are made when it is sent or shown, in the recipient's language."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="notifications")
    recipient = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="notifications")
    channel = models.CharField(max_length=16, choices=Channel.choices)
    address = models.CharField(max_length=200, blank=True)
    letter = models.CharField(max_length=220, help_text="what one write told one person, over every channel")
    dedup_key = models.CharField(max_length=260, unique=True)
    items = models.JSONField()
    ladder = models.CharField(max_length=130, blank=True)
    in_digest = models.BooleanField(default=False, help_text="sent together with what else the person is told")
    first = models.BooleanField(default=False, help_text="the first notice of an incident goes ahead of reminders")
    state = models.CharField(max_length=12, choices=choices(STATES), default=QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    next_try_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    lease = models.UUIDField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    handed_at = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    declined_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(
                fields=["channel", "-first", "next_try_at"],
                condition=Q(state__in=[QUEUED, LEASED]),
                name="outbox_waiting_by_channel",
            ),
            models.Index(
                fields=["recipient", "channel", "handed_at"],
                condition=Q(handed_at__isnull=False),
                name="outbox_by_handing",
            ),
            models.Index(fields=["recipient", "-created_at"], name="outbox_by_recipient"),
            models.Index(fields=["letter"], name="outbox_by_letter"),
        ]
        constraints = [
            known("state", STATES, "notification_state_is_known"),
            models.CheckConstraint(
                condition=(Q(state=LEASED) & Q(lease__isnull=False)) | (~Q(state=LEASED) & Q(lease=None)),
                name="notification_leased_has_a_lease",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.incident_id} → {self.recipient_id} ({self.channel}, {self.state})"

    def same_letter(self) -> "models.QuerySet[Notification]":
        """What the same write told the same person, over every channel."""
        return Notification.objects.filter(letter=self.letter)

    @property
    def rung(self) -> dict[str, int]:
        """Which contact of the ladder this message calls, as `{"rung": 2}`; nothing when it calls nobody."""
        rungs = [item["rung"] for item in self.items if item["kind"] == "callout" and item["ladder"] == self.ladder]
        return {"rung": rungs[-1]} if rungs else {}


class DeliveryAttempt(models.Model):
    """One try, written before the network call; its outcome after. One without an outcome may have been received."""

    notification = models.ForeignKey(Notification, on_delete=models.CASCADE, related_name="tries")
    number = models.PositiveSmallIntegerField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=12, choices=choices(OUTCOMES), default="started")
    detail = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["notification", "number"]
        constraints = [
            models.UniqueConstraint(fields=["notification", "number"], name="attempt_number_is_unique"),
            known("outcome", OUTCOMES, "attempt_outcome_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.notification_id} #{self.number} {self.outcome}"
