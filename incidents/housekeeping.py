"""What nobody waits for: old answers to repeated calls, signs of life of clocks long gone, old tries to sign in, figures
that have been judged long ago."""

from datetime import timedelta

from contactops.accounts.models import SignInTries
from incidents.models import ClockBeat, Signal, StoredReply
from incidents.times import db_now

KEPT = timedelta(days=7)
FIGURES_KEPT = timedelta(days=3)  # warnings keep what they were about, and the newest figure of each metric stays


def tidy() -> None:
    now = db_now()
    StoredReply.objects.filter(created_at__lt=now - KEPT).delete()
    ClockBeat.objects.filter(looked_at__lt=now - KEPT).delete()
    SignInTries.objects.filter(minute__lt=now - KEPT).delete()
    Signal.objects.filter(received_at__lt=now - FIGURES_KEPT).delete()
