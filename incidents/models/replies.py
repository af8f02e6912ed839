"""Answers kept for the Idempotency-Key header."""

from django.conf import settings
from django.db import models


class StoredReply(models.Model):
    """What a changing call was answered, so that the same call sent twice changes things once."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=200)
    fingerprint = models.CharField(max_length=64, help_text="of method, path and body")
    status = models.PositiveSmallIntegerField(default=0)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="idempotency_key_is_used_once_per_user")]

    def __str__(self) -> str:
        return self.key
