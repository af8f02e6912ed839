"""Celery's side doors: load, call, nothing else. No task carries business time; the promise ledger does."""

from celery import shared_task

from incidents import housekeeping


@shared_task(name="incidents.tasks.tidy")
def tidy(**_: object) -> None:
    housekeeping.tidy()
