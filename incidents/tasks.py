"""Celery's side doors: load, call, nothing else. No task carries business time; the promise ledger does."""

from celery import shared_task

from incidents import housekeeping
from incidents.notify import delivery


@shared_task(name="incidents.tasks.deliver_due")
def deliver_due(**_: object) -> None:
    delivery.deliver_due()


@shared_task(name="incidents.tasks.tidy")
def tidy(**_: object) -> None:
    housekeeping.tidy()
