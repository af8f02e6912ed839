# mypy: disable-error-code="type-arg"
# The stubs make admin classes generic; Django itself cannot subscript them.
"""The organisation and the plans in the admin. What has been published can only be read there."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from plans.models import Area, Group, IncidentType, Membership, Plan, PlanRevision, Seat, Shift, Site, SwapRequest


class AreaInline(admin.TabularInline):
    model = Area
    extra = 0


@admin.register(Site)
class SiteAdmin(admin.ModelAdmin):
    list_display = ["code", "__str__", "time_zone"]
    inlines = [AreaInline]


@admin.register(Seat)
class SeatAdmin(admin.ModelAdmin):
    list_display = ["code", "site", "area", "row", "switch", "power_fed", "state"]
    list_filter = ["site", "state", "power_fed"]
    list_select_related = ["site", "area"]
    search_fields = ["code"]


class MembershipInline(admin.TabularInline):
    model = Membership
    extra = 0
    raw_id_fields = ["user"]


@admin.register(Group)
class GroupAdmin(admin.ModelAdmin):
    list_display = ["key", "__str__", "site"]
    list_filter = ["site"]
    list_select_related = ["site"]
    search_fields = ["key", "name"]
    inlines = [MembershipInline]


@admin.register(Shift)
class ShiftAdmin(admin.ModelAdmin):
    """Times here are in the administrator's own zone. What replaces what follows from swaps and is not typed in."""

    list_display = ["group", "site", "person", "starts_at", "ends_at", "is_override", "source"]
    list_filter = ["group", "is_override", "source"]
    list_select_related = ["group__site", "site", "person"]
    date_hierarchy = "starts_at"
    search_fields = ["person__username", "person__name"]
    raw_id_fields = ["person"]
    readonly_fields = ["replaces", "source", "entered_by", "entered_at"]

    def save_model(self, request: HttpRequest, obj: Shift, form: Any, change: bool) -> None:
        assert request.user.is_authenticated
        obj.entered_by = request.user
        super().save_model(request, obj, form, change)


@admin.register(IncidentType)
class IncidentTypeAdmin(admin.ModelAdmin):
    list_display = ["slug", "__str__", "family", "default_plan"]
    list_filter = ["family"]
    list_select_related = ["default_plan"]


class ReadOnly:
    """Written by verbs only."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(SwapRequest)
class SwapRequestAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ["asked_by", "asked_of", "shift", "state", "asked_at", "decided_at"]
    list_filter = ["state"]
    list_select_related = ["asked_by", "asked_of", "shift__group", "shift__person"]


class RevisionInline(ReadOnly, admin.TabularInline):
    model = PlanRevision
    fields = ["number", "status", "author", "approver", "published_at", "effective_at", "reason"]
    show_change_link = True
    extra = 0


@admin.register(Plan)
class PlanAdmin(admin.ModelAdmin):
    list_display = ["slug", "family", "kind", "owner"]
    list_filter = ["family", "kind"]
    list_select_related = ["owner"]
    readonly_fields = ["slug", "family", "kind"]
    raw_id_fields = ["owner"]
    inlines = [RevisionInline]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Plan | None = None) -> bool:
        return False


@admin.register(PlanRevision)
class PlanRevisionAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ["plan", "number", "status", "author", "approver", "published_at"]
    list_filter = ["status"]
    list_select_related = ["plan", "author", "approver"]
