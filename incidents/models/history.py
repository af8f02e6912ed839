"""The history: events are never changed; free text stands beside them so that it can be redacted."""

import hashlib
import json
import secrets
import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from incidents.engine import events as engine
from incidents.models.base import choices, known
from incidents.models.incident import Incident
from incidents.times import ms


class Note(models.Model):
    """Words a person wrote, under names such as `text`, `reason`, `person`. Redacting empties them; the hash stays."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="notes")
    words = models.JSONField()
    salt = models.CharField(max_length=32, blank=True)
    sha256 = models.CharField(max_length=64)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    redacted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(redacted_at=None) | Q(words={}, salt=""), name="redacted_note_has_no_words_left"
            )
        ]

    def __str__(self) -> str:
        return self.text

    @classmethod
    def of(cls, incident: Incident, author_id: int | None, words: dict[str, str]) -> "Note":
        """A new note, not yet saved. The salt keeps a short text from being guessed from its hash once redacted."""
        salt = secrets.token_hex(16)
        return cls(incident=incident, author_id=author_id, words=words, salt=salt, sha256=digest(words, salt))

    @property
    def text(self) -> str:
        return " · ".join(word for word in self.words.values() if word)

    @property
    def reference(self) -> dict[str, str]:
        """What the event's facts say of it."""
        return {"id": str(self.id), "sha256": self.sha256}

    def is_intact(self) -> bool:
        return self.redacted_at is not None or digest(self.words, self.salt) == self.sha256


def digest(words: dict[str, str], salt: str) -> str:
    body = json.dumps(words, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256((salt + body).encode()).hexdigest()


class Event(models.Model):
    """One line of history. The hash covers everything here and the hash of the line before."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="events")
    seq = models.PositiveIntegerField()
    kind = models.CharField(max_length=24, choices=choices(engine.KINDS))
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    source = models.CharField(max_length=16, blank=True)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    facts = models.JSONField()
    note = models.ForeignKey(Note, null=True, blank=True, on_delete=models.PROTECT, related_name="events")
    prev_hash = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64)

    class Meta:
        ordering = ["incident", "seq"]
        constraints = [
            models.UniqueConstraint(fields=["incident", "seq"], name="event_number_is_unique_in_an_incident"),
            known("kind", engine.KINDS, "event_kind_is_known"),
            models.CheckConstraint(
                condition=Q(actor=None) & ~Q(source="") | Q(actor__isnull=False) & Q(source=""),
                name="event_has_exactly_one_author",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.incident_id} {self.seq} {self.kind}"

    @property
    def as_engine(self) -> engine.Event:
        """The event as it was applied and hashed."""
        facts: dict[str, Any] = self.facts
        return engine.Event(
            kind=self.kind,
            at=ms(self.occurred_at),
            facts=facts,
            actor=f"user:{self.actor_id}" if self.actor_id else self.source,
            seq=self.seq,
            recorded=ms(self.recorded_at),
        )
