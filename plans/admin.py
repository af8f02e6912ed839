# mypy: disable-error-code="type-arg"
# The stubs make admin classes generic; Django itself cannot subscript them.
"""The organisation and the plans in the admin. What has been published can only be read there."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from plans.models import Area, Group, IncidentType, Membership, Plan, PlanRevision, Seat, Site


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


@admin.register(IncidentType)
class IncidentTypeAdmin(admin.ModelAdmin):
    list_display = ["slug", "__str__", "family", "default_plan"]
    list_filter = ["family"]
    list_select_related = ["default_plan"]


class ReadOnly:
    """Written by the verbs of plans.services only: load and publish."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


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
