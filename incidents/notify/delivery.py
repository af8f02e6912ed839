"""Sending what stands in the outbox: claim by lease, write the attempt before the network call and its outcome after.

Nothing is lost: a process that dies holding a lease loses it when the lease runs out, and the message is sent again; that
it may then have been received twice is written down.
"""

import logging
import random
import smtplib
import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import F, Q

from contactops import crash
from contactops.accounts.models import Channel
from incidents import hints
from incidents.models import DeliveryAttempt, Incident, Notification
from incidents.models.outbox import EXPIRED, FAILED, HANDED, LEASED, QUEUED, SUPPRESSED, UNKNOWN
from incidents.notify import mailbox, wording
from incidents.times import db_now, raise_if_lost

log = logging.getLogger(__name__)

BATCH = 20
LEASE = timedelta(seconds=settings.NOTIFY_LEASE_S)
BACKOFF_S = settings.NOTIFY_BACKOFF_S  # doubled with every try, up to
LONGEST_BACKOFF_S = 300.0
PERMANENT = range(500, 600)  # SMTP: trying again will not help


def deliver_due(limit: int = 500) -> int:
    """Send what is waiting, first notices ahead of reminders. Returns how many were handed over."""
    handed, seen, lease = 0, 0, uuid.uuid4()
    while seen < limit and (claimed := _claim(lease)):
        crash.here("after_claim")
        handed += sum(_delivers(pk, lease) for pk in claimed)
        seen += len(claimed)
        incidents = Incident.objects.filter(notifications__in=claimed).distinct()
        hints.tell([hints.Moved(ref, rev) for ref, rev in incidents.values_list("ref", "rev")])
    return handed


def _claim(lease: uuid.UUID) -> list[int]:
    """Lease a batch; returns all that was looked at, what had expired included. The token in the lease keeps a process
    that was paused from writing when it wakes up."""
    now = db_now()
    with transaction.atomic():
        waiting = Q(state=QUEUED, next_try_at__lte=now) | Q(state=LEASED, leased_until__lte=now)
        rows = Notification.objects.select_for_update(skip_locked=True).filter(waiting)
        ids = list(rows.order_by("-first", "next_try_at").values_list("pk", flat=True)[:BATCH])
        # A lease that ran out leaves a try whose end nobody saw.
        unseen = DeliveryAttempt.objects.filter(notification__in=ids, outcome="started")
        unseen.update(outcome="unknown", finished_at=now)
        expired = Notification.objects.filter(pk__in=ids, expires_at__lte=now)
        expired.filter(tries__outcome="unknown").update(state=UNKNOWN, lease=None, leased_until=None)
        expired.exclude(state=UNKNOWN).update(state=EXPIRED, lease=None, leased_until=None)
        Notification.objects.filter(pk__in=ids, expires_at__gt=now).update(
            state=LEASED, lease=lease, leased_until=now + LEASE
        )
    return ids


def _delivers(pk: int, lease: uuid.UUID) -> bool:
    """One message alone. Whatever is wrong with it or its incident is not wrong with the others."""
    try:
        return _deliver(pk, lease)
    except Exception as error:
        raise_if_lost(error)
        log.exception("message %s cannot be looked at; the others go on", pk)
        later = db_now() + timedelta(seconds=LONGEST_BACKOFF_S)
        ours = Notification.objects.filter(pk=pk, lease=lease)
        ours.update(state=QUEUED, lease=None, leased_until=None, next_try_at=later)
        return False


def _deliver(pk: int, lease: uuid.UUID) -> bool:
    """One try, of what is still ours. Whether it was handed over."""
    mine = Notification.objects.filter(pk=pk, lease=lease)
    notification = mine.select_related("incident__type", "recipient__site").first()
    if notification is None:
        return False
    if not _still_stands(notification):
        _finish(notification, state=SUPPRESSED)
        return False
    now = db_now()
    if not mine.update(attempts=F("attempts") + 1, leased_until=now + LEASE):
        return False
    number = DeliveryAttempt.objects.filter(notification=notification).count() + 1
    attempt = DeliveryAttempt.objects.create(notification=notification, number=number, started_at=now)
    crash.here("before_send")
    try:
        _send(notification)
        crash.here("after_send")
    except (OSError, smtplib.SMTPException) as error:
        _failed(notification, attempt, error)
        return False
    except Exception as error:
        log.exception("message %s cannot be made or sent; the others go on", notification.dedup_key)
        _failed(notification, attempt, error)
        return False
    crash.here("before_mark")
    with transaction.atomic():  # together: a try that ended without its message being done would be sent again unseen
        _end(attempt, "handed")
        _finish(notification, state=HANDED, handed_at=db_now())
    return True


def _still_stands(notification: Notification) -> bool:
    """Looked at just before sending: an inactive person gets nothing, and nobody is called out by a call that was
    answered or is over. What else the same message says is still said."""
    if not notification.recipient.is_active:
        return False
    if not notification.ladder or any(item["kind"] != "callout" for item in notification.items):
        return True
    return notification.incident.facts.holds(f"callout:{notification.ladder}")


def _send(notification: Notification) -> None:
    assert notification.channel == Channel.EMAIL
    subject, body = wording.mail(notification)
    host = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip(">")
    headers = {
        "Message-ID": f"<{notification.dedup_key.replace(':', '.')}@{host}>",
        "Auto-Submitted": "auto-generated",
        mailbox.INCIDENT: notification.incident.ref,
    }
    EmailMessage(subject, body, to=[notification.address], headers=headers).send()


def _failed(notification: Notification, attempt: DeliveryAttempt, error: Exception) -> None:
    """A refusal for good ends it; anything else is tried again, later each time, until the message expires."""
    refused = _is_refused(error)
    longest = min(LONGEST_BACKOFF_S, BACKOFF_S * 2 ** min(attempt.number, 10))
    wait = timedelta(seconds=random.uniform(BACKOFF_S / 5, longest))  # noqa: S311  full jitter, not a secret
    with transaction.atomic():
        _end(attempt, "refused" if refused else "failed", f"{type(error).__name__}: {error}")
        if refused:
            _finish(notification, state=FAILED)
        else:
            _finish(notification, state=QUEUED, next_try_at=db_now() + wait)


def _is_refused(error: Exception) -> bool:
    """Whether this recipient or this message was refused for good. A server that refuses us (our name, our password,
    our sender) refuses everything until somebody mends it: that is no reason to give up one message."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code in PERMANENT for code, _reason in error.recipients.values())
    return isinstance(error, smtplib.SMTPDataError) and error.smtp_code in PERMANENT


def _end(attempt: DeliveryAttempt, outcome: str, detail: str = "") -> None:
    """Unless its lease ran out meanwhile: then somebody else has taken over, and that this one may have arrived stays
    written down."""
    mine = DeliveryAttempt.objects.filter(pk=attempt.pk, outcome="started")
    mine.update(outcome=outcome, detail=detail[:300], finished_at=db_now())


def _finish(notification: Notification, state: str, **values: datetime) -> None:
    mine = Notification.objects.filter(pk=notification.pk, lease=notification.lease)
    mine.update(state=state, lease=None, leased_until=None, **values)
