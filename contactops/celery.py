"""The Celery application."""

import os

from celery import Celery
from kombu.transport.redis import QoS

# A channel that has lost its Redis would put its messages back through the connection that is gone; kombu stumbles over
# that and the worker ends, and with it a clock. A message is only housekeeping: nothing has to be put back.
QoS.restore_at_shutdown = False

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "contactops.settings")

app = Celery("contactops")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
