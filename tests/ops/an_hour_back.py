"""A computer whose clock is an hour slow: for every Python process that finds `sitecustomize.py` made from this first."""

import datetime as module
import time
from datetime import datetime as _real
from typing import Any

BACK_S = 3600.0

_time, _time_ns = time.time, time.time_ns


class _Meta(type):
    """What C code makes is a datetime as ever, and an instance of the slow one too."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _real)

    def __subclasscheck__(cls, other: type) -> bool:
        return issubclass(other, _real)


class Slow(_real, metaclass=_Meta):
    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return _real.fromtimestamp(time.time(), tz)

    @classmethod
    def today(cls) -> Any:
        return cls.now()

    @classmethod
    def utcnow(cls) -> Any:
        return _real.fromtimestamp(time.time(), module.UTC).replace(tzinfo=None)


def set_back() -> None:
    time.time = lambda: _time() - BACK_S
    time.time_ns = lambda: _time_ns() - int(BACK_S * 1e9)
    module.datetime = Slow  # type: ignore[misc]


if __name__ == "sitecustomize":
    set_back()
