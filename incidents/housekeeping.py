"""What nobody waits for: old answers to repeated calls, signs of life of clocks long gone, old tries to sign in."""

from datetime import timedelta

from contactops.accounts.models import SignInTries
from incidents.models import ClockBeat, StoredReply
from incidents.times import db_now

KEPT = timedelta(days=7)


def tidy() -> None:
    now = db_now()
    StoredReply.objects.filter(created_at__lt=now - KEPT).delete()
    ClockBeat.objects.filter(looked_at__lt=now - KEPT).delete()
    SignInTries.objects.filter(minute__lt=now - KEPT).delete()
