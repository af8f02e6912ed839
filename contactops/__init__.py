"""Wiring: settings, URLs, the Celery application. Nothing here knows what an incident is."""

from contactops.celery import app as celery_app

__all__ = ["celery_app"]
