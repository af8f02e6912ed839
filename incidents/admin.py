"""The administrator's look at incidents: everything that is history or derived is read-only. Administrators run the
system, not the incident."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from incidents.models import ClockBeat, DeliveryAttempt, Event, Incident, Notification, Report, StepRun, Timer


class ReadOnly(admin.ModelAdmin):
    """Nothing here is added, changed or removed by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Incident)
class IncidentAdmin(ReadOnly):
    list_display = ("ref", "kind", "status", "level", "title", "site", "reported_at")
    list_filter = ("kind", "status", "level", "site")
    search_fields = ("ref", "title")

    def get_queryset(self, request: HttpRequest) -> Any:
        """A restricted incident is nobody's business but of the people named in it, here as elsewhere."""
        user: Any = request.user
        return super().get_queryset(request).filter(pk__in=Incident.objects.visible_to(user).values("pk"))


class OfIncident(ReadOnly):
    """Rows of an incident: as visible as the incident is."""

    list_select_related: ClassVar[Any] = ("incident",)
    search_fields: ClassVar[Any] = ("incident__ref",)

    def get_queryset(self, request: HttpRequest) -> Any:
        user: Any = request.user
        return super().get_queryset(request).filter(incident__in=Incident.objects.visible_to(user))


@admin.register(Event)
class EventAdmin(OfIncident):
    list_display = ("incident", "seq", "kind", "actor", "source", "occurred_at", "recorded_at")
    list_filter = ("kind",)
    list_select_related = ("incident", "actor")


@admin.register(Timer)
class TimerAdmin(OfIncident):
    list_display = ("incident", "key", "state", "due_at", "fired_at", "late", "system_late")
    list_filter = ("state", "plan")


@admin.register(StepRun)
class StepRunAdmin(OfIncident):
    list_display = ("incident", "key", "kind", "status", "opened_at", "due_at", "done_at")
    list_filter = ("status", "kind")


@admin.register(Report)
class ReportAdmin(OfIncident):
    list_display = ("incident", "reporter", "incident_type", "site", "seat", "received_at")
    list_select_related = ("incident", "reporter", "incident_type", "site", "seat")


class AttemptInline(admin.TabularInline):
    model = DeliveryAttempt
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Notification)
class NotificationAdmin(OfIncident):
    list_display = ("incident", "recipient", "channel", "state", "attempts", "created_at", "acknowledged_at")
    list_filter = ("state", "channel")
    list_select_related = ("incident", "recipient")
    inlines = [AttemptInline]


@admin.register(ClockBeat)
class ClockBeatAdmin(ReadOnly):
    list_display = ("worker", "looked_at")
