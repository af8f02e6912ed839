"""Celery's broker in a directory, for a console on one machine. What it lacks when several processes use it at once, or
one of them is killed, is added here: a file that was read before it was written would end the worker that read it."""

import logging
import os
import time
import uuid
from pathlib import Path
from typing import Any

from kombu.transport import filesystem
from kombu.utils.encoding import str_to_bytes
from kombu.utils.json import dumps

log = logging.getLogger(__name__)


class Channel(filesystem.Channel):
    """A message appears whole or not at all, and what cannot be read stops nobody."""

    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:  # type: ignore[override]
        folder, name = Path(self.data_folder_out), f"{round(time.monotonic() * 1000)}_{uuid.uuid4()}.{queue}.msg"
        unfinished = folder / f"{name}.unfinished"
        unfinished.write_bytes(str_to_bytes(dumps(payload)))
        os.replace(unfinished, folder / name)

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        while True:
            try:
                return super()._get(queue)  # type: ignore[no-untyped-call]
            except ValueError:  # its file is gone by now; the database still holds the work
                log.warning("a message in the broker's directory could not be read; it was left out")

    def get_table(self, exchange: str) -> Any:
        try:
            return super().get_table(exchange)  # type: ignore[no-untyped-call]
        except ValueError:  # it is being made
            return []

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        try:
            super()._queue_bind(exchange, routing_key, pattern, queue)  # type: ignore[no-untyped-call]
        except ValueError:  # somebody is making it, or was killed while they were
            time.sleep(0.1)
            if not self.get_table(exchange):
                self._exchange_file(exchange).unlink(missing_ok=True)  # type: ignore[no-untyped-call]
            super()._queue_bind(exchange, routing_key, pattern, queue)  # type: ignore[no-untyped-call]


class Transport(filesystem.Transport):
    Channel = Channel
