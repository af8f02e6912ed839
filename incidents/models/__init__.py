"""Rows: the append-only history, and the projection of it that can be queried."""

from incidents.models.audit import AuditFinding, AuditRound
from incidents.models.history import Event, Note
from incidents.models.incident import Incident, RefCounter, Report, StepRun
from incidents.models.ledger import ClockBeat, Timer
from incidents.models.outbox import DeliveryAttempt, Notification
from incidents.models.replies import StoredReply
from incidents.models.signals import Feed, Gauge, Signal, Steering, Warning, WarningRule

__all__ = [
    "AuditFinding",
    "AuditRound",
    "ClockBeat",
    "DeliveryAttempt",
    "Event",
    "Feed",
    "Gauge",
    "Incident",
    "Note",
    "Notification",
    "RefCounter",
    "Report",
    "Signal",
    "Steering",
    "StepRun",
    "StoredReply",
    "Timer",
    "Warning",
    "WarningRule",
]
