"""Sending what stands in the outbox: claim by lease, write the attempt before the network call and its outcome after.

Nothing is lost: a process that dies holding a lease loses it when the lease runs out, and the message is sent again; that
it may then have been received twice is written down. Each channel is worked by itself, so that a slow gateway holds up
nobody but its own.
"""

import logging
import random
import threading
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, Q

from contactops import bulk, crash
from contactops.accounts.models import Channel, ContactPoint
from incidents import hints
from incidents.models import DeliveryAttempt, Incident, Notification
from incidents.models.outbox import EXPIRED, FAILED, HANDED, LEASED, QUEUED, SUPPRESSED, UNKNOWN
from incidents.notify import gateways, mailbox, outbox, wording
from incidents.record import Change, record
from incidents.times import db_now, raise_if_lost

log = logging.getLogger(__name__)

SIZE = 10  # letters claimed together at first, then as many as go out in SPAN_S, up to MOST: when the process dies, as
SPAN_S = 0.2  # many may be sent twice
MOST = 40
LEASE = timedelta(seconds=settings.NOTIFY_LEASE_S)
PATIENCE_S = settings.NOTIFY_LEASE_S / 3  # after so long at one claim the rest is given back, before its lease runs out
BACKOFF_S = settings.NOTIFY_BACKOFF_S  # doubled with every try, up to
LONGEST_BACKOFF_S = 300.0
STORM = settings.NOTIFY_STORM  # messages to one person over one channel in a minute; what comes beyond is put together
MINUTE = timedelta(minutes=1)
DIGEST_AFTER = timedelta(seconds=20)
DIGEST_SIZE = 200


@dataclass(frozen=True)
class Parcel:
    """What is sent as one letter: a message with its attempt, and what else the same person is told in a digest."""

    head: Notification
    rest: tuple[Notification, ...] = ()

    @property
    def messages(self) -> tuple[Notification, ...]:
        return (self.head, *self.rest)


@dataclass(frozen=True)
class Outcome:
    parcel: Parcel
    error: Exception | None


def waiting_channels() -> list[str]:
    """The channels on which something is to be sent now. One query."""
    return list(
        Notification.objects.filter(_due(db_now())).order_by("channel").values_list("channel", flat=True).distinct()
    )


def _due(now: datetime) -> Q:
    return Q(state=QUEUED, next_try_at__lte=now) | Q(state=LEASED, leased_until__lte=now)


def deliver_due(*channels: str, stopping: threading.Event | None = None) -> int:
    """Send what is waiting on these channels, or on all, first notices ahead of reminders; what has been claimed is
    finished before it stops. Returns how many messages were handed over."""
    stopping = stopping or threading.Event()
    return sum(_deliver(channel, stopping) for channel in channels or waiting_channels())


def _deliver(channel: str, stopping: threading.Event) -> int:
    handed, size, lease = 0, SIZE, uuid.uuid4()
    while not stopping.is_set():
        looked_at, parcels = _claim(channel, lease, size)
        crash.here("after_claim")
        began = time.monotonic()
        outcomes = _send(parcels)
        if outcomes:
            each = (time.monotonic() - began) / len(outcomes)
            size = MOST if each * MOST <= SPAN_S else max(1, int(SPAN_S / each))
        crash.here("before_mark")
        handed += _mark(outcomes, lease)
        _give_back(parcels[len(outcomes) :], lease)
        _tell(looked_at)
        if not looked_at:
            break
    return handed


def _tell(messages: Iterable[Notification]) -> None:
    incidents = Incident.objects.filter(pk__in={message.incident_id for message in messages})
    if moved := [hints.Moved(ref, rev) for ref, rev in incidents.values_list("ref", "rev")]:
        hints.tell(moved)


def _claim(channel: str, lease: uuid.UUID, size: int) -> tuple[list[Notification], list[Parcel]]:
    """Lease a batch, with its attempts; returns all that was looked at, and what is to be sent of it. The token in the
    lease keeps a process that was paused from writing when it wakes up."""
    with transaction.atomic():
        now = db_now()
        rows = Notification.objects.select_for_update(skip_locked=True, of=("self",)).filter(_due(now), channel=channel)
        rows = rows.select_related("incident__type", "recipient__site")
        found = list(rows.order_by("-first", "next_try_at", "pk")[:size])
        if not found:
            return [], []
        _lapsed([message for message in found if message.state == LEASED], now)
        expired = [message for message in found if message.expires_at <= now]
        _expire(expired)
        standing = _standing([message for message in found if message.expires_at > now])
        parcels = _digests(channel, standing, rows, now)
        _lease([message for parcel in parcels for message in parcel.messages], lease, now)
    return found, parcels


def _set(messages: Sequence[Notification], **values: object) -> None:
    if messages:
        Notification.objects.filter(pk__in=[message.pk for message in messages]).update(
            **{"lease": None, "leased_until": None, **values}
        )


def _lapsed(messages: Sequence[Notification], now: datetime) -> None:
    """A lease that ran out leaves a try whose end nobody saw."""
    if messages:
        unseen = DeliveryAttempt.objects.filter(notification__in=messages, outcome="started")
        unseen.update(outcome="unknown", finished_at=now)


def _expire(messages: Sequence[Notification]) -> None:
    if messages:
        ids = [message.pk for message in messages]
        unsure = DeliveryAttempt.objects.filter(notification__in=ids, outcome="unknown")
        maybe = set(unsure.values_list("notification", flat=True))
        _set([message for message in messages if message.pk in maybe], state=UNKNOWN)
        _set([message for message in messages if message.pk not in maybe], state=EXPIRED)


def _standing(messages: Iterable[Notification]) -> list[Notification]:
    """Looked at just before sending: an inactive person gets nothing; nobody is called by a call-out that was answered or
    is over; a drill reaches nobody outside, whoever put them into the outbox."""
    messages = list(messages)
    drills = [message.incident_id for message in messages if message.incident.kind == "drill"]
    inside: set[tuple[int, int]] = set()
    if drills:
        rows = Incident.participants.through.objects.filter(incident__in=drills)
        inside = set(rows.values_list("incident_id", "user_id"))
    stands, stopped, broken = [], [], []
    for message in messages:
        try:
            stands.append(message) if _stands(message, inside) else stopped.append(message)
        except Exception as error:
            raise_if_lost(error)
            log.exception("message %s cannot be looked at; the others go on", message.dedup_key)
            broken.append(message)
    _set(stopped, state=SUPPRESSED)
    _set(broken, state=QUEUED, next_try_at=db_now() + timedelta(seconds=LONGEST_BACKOFF_S))
    return stands


def _stands(message: Notification, inside: set[tuple[int, int]]) -> bool:
    if not message.recipient.is_active:
        return False
    if message.incident.kind == "drill" and (message.incident_id, message.recipient_id) not in inside:
        return False
    return not message.ladder or message.incident.facts.holds(f"callout:{message.ladder}")


def _digests(channel: str, messages: Sequence[Notification], rows: object, now: datetime) -> list[Parcel]:
    """One letter for each message, until somebody has had STORM of them within a minute: what comes then waits a little
    and goes out together. Who is called is called at once, always."""
    calls = [message for message in messages if message.ladder]
    rest = [message for message in messages if not message.ladder]
    parcels = [Parcel(message) for message in calls]
    had = _had_lately(channel, rest, now)
    put_off: list[Notification] = []
    bundled: dict[tuple[int, bool], list[Notification]] = {}  # a drill is never mixed with what is real
    for message in rest:
        who = message.recipient_id
        if message.in_digest:
            bundled.setdefault((who, message.incident.kind == "drill"), []).append(message)
        elif had.get(who, 0) >= STORM:
            put_off.append(message)
        else:
            had[who] = had.get(who, 0) + 1
            parcels.append(Parcel(message))
    _set(put_off, state=QUEUED, in_digest=True, next_try_at=now + DIGEST_AFTER)
    return parcels + [_bundle(channel, those, now) for those in bundled.values()]


def _had_lately(channel: str, messages: Sequence[Notification], now: datetime) -> dict[int, int]:
    people = {message.recipient_id for message in messages if not message.in_digest}
    if not people:
        return {}
    handed = Notification.objects.filter(channel=channel, recipient__in=people, handed_at__gt=now - MINUTE)
    return dict(handed.values_list("recipient").annotate(Count("pk")).order_by())


def _bundle(channel: str, those: list[Notification], now: datetime) -> Parcel:
    """Everything else that waits for the digest of the same person goes with it."""
    more = Notification.objects.select_for_update(skip_locked=True, of=("self",)).filter(
        channel=channel, recipient=those[0].recipient_id, state=QUEUED, in_digest=True, expires_at__gt=now
    )
    more = more.select_related("incident__type", "recipient__site").exclude(pk__in=[one.pk for one in those])
    same_kind = Q(incident__kind="drill")
    more = more.filter(same_kind if those[0].incident.kind == "drill" else ~same_kind)
    head, *rest = [*those, *_standing(more.order_by("pk")[:DIGEST_SIZE])]
    return Parcel(head, tuple(rest))


def _lease(messages: Sequence[Notification], lease: uuid.UUID, now: datetime) -> None:
    if not messages:
        return
    begun = {"started_at": now, "outcome": "started", "detail": ""}
    tries = ({"notification_id": message.pk, "number": message.attempts + 1, **begun} for message in messages)
    bulk.insert(DeliveryAttempt, tries)
    Notification.objects.filter(pk__in=[message.pk for message in messages]).update(
        state=LEASED, lease=lease, leased_until=now + LEASE, attempts=F("attempts") + 1
    )


def _send(parcels: Sequence[Parcel]) -> list[Outcome]:
    """What became of each, in order; shorter than what was given when there was no time for the rest."""
    if not parcels:
        return []
    made: list[tuple[Parcel, gateways.Letter | Exception]] = []
    words = wording.Words([message for parcel in parcels for message in parcel.messages])
    for parcel in parcels:
        try:
            made.append((parcel, _letter(parcel, words)))
        except Exception as error:
            raise_if_lost(error)
            log.exception("message %s cannot be made; the others go on", parcel.head.dedup_key)
            made.append((parcel, error))
    sent = gateways.send([letter for _parcel, letter in made if isinstance(letter, gateways.Letter)])
    outcomes, began = [], time.monotonic()
    crash.here("before_send")
    for parcel, letter in made:
        outcomes.append(Outcome(parcel, letter if isinstance(letter, Exception) else next(sent)[1]))
        crash.here("after_send")
        if time.monotonic() - began > PATIENCE_S:
            break
    return outcomes


def _letter(parcel: Parcel, words: wording.Words) -> gateways.Letter:
    head = parcel.head
    subject, body = wording.mail(head, words) if not parcel.rest else wording.digest(parcel.messages, words)
    host = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip(">")
    return gateways.Letter(
        key=head.dedup_key,
        channel=head.channel,
        address=head.address,
        subject=subject,
        body=body,
        short=_short(parcel, subject, words),
        headers={
            "Message-ID": f"<{head.dedup_key.replace(':', '.')}@{host}>",
            "Auto-Submitted": "auto-generated",
            mailbox.INCIDENT: head.incident.ref,
        },
        site_id=head.incident.site_id,
    )


def _short(parcel: Parcel, subject: str, words: wording.Words) -> str:
    """What fits into one SMS, where there is room for no more."""
    if parcel.head.channel not in gateways.SHORT or parcel.rest:
        return subject
    return wording.short(parcel.head, words)


def _mark(outcomes: Sequence[Outcome], lease: uuid.UUID) -> int:
    """Write down what became of them, of what is still ours: where the lease ran out meanwhile somebody else has taken
    over, and that ours may have arrived stays written down. Returns how many were handed over."""
    if not outcomes:
        return 0
    lost: list[Notification] = []
    with transaction.atomic():
        all_of_them = [message.pk for outcome in outcomes for message in outcome.parcel.messages]
        locked = Notification.objects.select_for_update().filter(pk__in=all_of_them, lease=lease)
        ours = set(locked.order_by("pk").values_list("pk", flat=True))
        now = db_now()
        fine = [pk for outcome in outcomes if not outcome.error for pk in _ids(outcome) if pk in ours]
        tries = DeliveryAttempt.objects.filter(outcome="started")
        tries.filter(notification__in=fine).update(outcome="handed", finished_at=now)
        Notification.objects.filter(pk__in=fine).update(state=HANDED, handed_at=now, lease=None, leased_until=None)
        for outcome in outcomes:
            if outcome.error is None:
                continue
            for message in outcome.parcel.messages:
                if message.pk in ours:
                    lost += _failed(message, outcome.error, now)
    for message in lost:
        _nobody_reached(message)
    return len(fine)


def _ids(outcome: Outcome) -> list[int]:
    return [message.pk for message in outcome.parcel.messages]


def _failed(message: Notification, error: Exception, now: datetime) -> list[Notification]:
    """A refusal for good leads to the person's next channel; anything else is tried again, later each time, until the
    message expires. Returns the message when there is no further channel."""
    refused = isinstance(error, gateways.Refused)
    tries = DeliveryAttempt.objects.filter(notification=message, outcome="started")
    tries.update(outcome="refused" if refused else "failed", detail=str(error)[:300], finished_at=now)
    if not refused:
        longest = min(LONGEST_BACKOFF_S, BACKOFF_S * 2 ** min(message.attempts + 1, 10))
        wait = timedelta(seconds=random.uniform(BACKOFF_S / 5, longest))  # noqa: S311  full jitter, not a secret
        _set([message], state=QUEUED, next_try_at=now + wait)
        return []
    _set([message], state=FAILED)
    points = ContactPoint.objects.filter(user=message.recipient_id).exclude(channel=Channel.CONSOLE)
    used = set(message.same_letter().values_list("channel", "address"))
    following = next((point for point in points if (point.channel, point.address) not in used), None)
    if following is None:
        return [message]
    Notification.objects.create(**outbox.over(following, vars(message), now))
    return []


def _nobody_reached(message: Notification) -> None:
    """No channel is left. Somebody else is called at once where it is a call; else it stays on their screen, and the
    incident shows that it reached nobody."""
    log.error("%s was refused on every channel of person %s", message.letter, message.recipient_id)
    if message.ladder and message.incident.is_live:
        body = {"ladder": message.ladder, "person": f"user:{message.recipient_id}", **message.rung}
        record([Change(message.incident_id, "unreachable", "system", body=body)])


def _give_back(parcels: Sequence[Parcel], lease: uuid.UUID) -> None:
    """What there was no time for waits on, as if it had not been claimed."""
    if not parcels:
        return
    ids = [message.pk for parcel in parcels for message in parcel.messages]
    with transaction.atomic():
        ours = Notification.objects.filter(pk__in=ids, lease=lease)
        DeliveryAttempt.objects.filter(notification__in=ours, outcome="started").delete()
        ours.update(state=QUEUED, lease=None, leased_until=None, attempts=F("attempts") - 1)
