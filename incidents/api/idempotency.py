"""The Idempotency-Key header, as the calls of every app have it."""

from contactops.idempotency import LONGEST, once

__all__ = ["LONGEST", "once"]
