"""Faults on purpose: everything at once, and everything killed."""

from tests.record.committed.conftest import db

__all__ = ["db"]
