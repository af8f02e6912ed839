"""The postman in every Celery worker: a thread for each channel that has something to send.

Like the clock it needs the database only, so messages go out while the broker is down; and a gateway that hangs holds up
its own channel alone. Any number of workers may run: the leases in the outbox share out the work.
"""

import logging
import random
import threading
from typing import Any

import psycopg2
from celery import bootsteps
from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from contactops.listening import Ear
from incidents import hints
from incidents.notify import delivery

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0  # at most so long between two looks, whatever the hints


class Postman(threading.Thread):
    """Looks which channels wait and starts a round for each. The thread never ends by itself."""

    def __init__(self) -> None:
        super().__init__(name="postman", daemon=True)
        self.stopping = threading.Event()
        self.ear: Ear | None = None
        self.rounds: dict[str, threading.Thread] = {}

    def run(self) -> None:
        while not self.stopping.is_set():
            try:
                close_old_connections()
                self._listen()
                self.look()
                self._sleep()
            except (DatabaseError, InterfaceError, psycopg2.Error, OSError) as error:
                log.warning("the postman lost the database (%s); trying again", error)
                self._begin_anew()
            except Exception:
                log.exception("the postman stumbled; trying again")
                self._begin_anew()
        self._forget()

    def stop(self) -> None:
        self.stopping.set()

    def look(self) -> None:
        """A round for every channel on which something waits and none is on its way."""
        for channel in delivery.waiting_channels():
            going = self.rounds.get(channel)
            if going is None or not going.is_alive():
                begun = threading.Thread(target=_round, args=(channel, self.stopping), name=channel, daemon=True)
                begun.start()
                self.rounds[channel] = begun

    def _listen(self) -> None:
        if self.ear is None:
            self.ear = Ear(hints.CLOCK)

    def _sleep(self) -> None:
        assert self.ear
        self.ear.wait(LOOK_EVERY_S)

    def _begin_anew(self) -> None:
        self._forget()
        self.stopping.wait(random.uniform(0.1, LOOK_EVERY_S))  # noqa: S311  jitter, not a secret

    def _forget(self) -> None:
        if self.ear is not None:
            self.ear.close()
            self.ear = None
        connection.close()


def _round(channel: str, stopping: threading.Event) -> None:
    """Until nothing waits on this channel any more. What goes wrong is tried again with the next round."""
    try:
        delivery.deliver_due(channel, stopping=stopping)
    except (DatabaseError, InterfaceError) as error:
        log.warning("a round of %s lost the database (%s)", channel, error)
    except Exception:
        log.exception("a round of %s stumbled", channel)
    finally:
        connection.close()


class PostmanStep(bootsteps.StartStopStep):
    """Starts the postman with the worker, before and without the broker, and stops it with the worker, after what it has
    just claimed."""

    requires = {"celery.worker.components:Pool"}  # a process that has threads should not fork

    def __init__(self, worker: Any, **kwargs: Any) -> None:
        self.postman: Postman | None = None

    def start(self, worker: Any) -> None:
        self.postman = Postman()
        self.postman.start()

    def stop(self, worker: Any) -> None:
        if self.postman:
            self.postman.stop()
            for thread in (self.postman, *self.postman.rounds.values()):
                thread.join(timeout=3)

    terminate = stop
