"""What the auditor found in the ledger and the outbox, and when it last looked."""

from collections.abc import Mapping

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_noop as N_

from incidents.models.base import choices, known
from incidents.models.incident import Incident

KINDS: Mapping[str, str] = {
    "missing": N_("A promise was missing from the ledger"),
    "moved": N_("A promise stood in the ledger for another time"),
    "extra": N_("A promise stood in the ledger that no plan makes"),
    "unrecorded": N_("A promise counts as kept, but the history does not say so"),
    "stuck": N_("The promises of the incident cannot be worked out or put right"),
    "leased": N_("Messages are being sent for longer than any sending takes"),
    "unsent": N_("Messages wait although they have expired"),
}


class AuditFinding(models.Model):
    """One thing that was not as it must be. `key` names the promise, where it is about one; `detail` says by how much.
    What is repaired, or has passed, says since when; until somebody has seen it, it is shown to those who run the console."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="findings")
    kind = models.CharField(max_length=12, choices=choices(KINDS))
    key = models.CharField(max_length=200, blank=True)
    detail = models.JSONField(default=dict)
    found_at = models.DateTimeField()
    repaired_at = models.DateTimeField(null=True, blank=True)
    seen_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    seen_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(
                fields=["found_at"], condition=Q(seen_at=None) | Q(repaired_at=None), name="audit_finding_open"
            )
        ]
        constraints = [
            known("kind", KINDS, "audit_finding_kind_is_known"),
            models.UniqueConstraint(
                fields=["incident", "kind", "key"],
                condition=Q(repaired_at=None),
                name="audit_finding_is_open_once",
            ),
            models.CheckConstraint(
                condition=Q(seen_at=None, seen_by=None) | Q(seen_at__isnull=False, seen_by__isnull=False),
                name="audit_finding_is_seen_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.incident_id} {self.kind} {self.key}"


class AuditRound(models.Model):
    """The auditor's last round, in one row: whose it is to begin the next one is decided by it, over all workers."""

    of = models.CharField(max_length=20, unique=True, default="ledger")
    begun_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    incidents = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.begun_at)
