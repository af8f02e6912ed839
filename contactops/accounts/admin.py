"""People and how to reach them."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.utils.translation import gettext_lazy as _

from contactops.accounts.models import ContactPoint, User


class ContactPointInline(admin.TabularInline):
    model = ContactPoint
    extra = 0


@admin.register(User)
class PersonAdmin(UserAdmin):
    list_display = ("username", "name", "role", "site", "language", "is_active")
    list_filter = ("role", "site", "is_active")
    search_fields = ("username", "name", "employee_number")
    filter_horizontal = ("sites",)
    inlines = [ContactPointInline]
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Person"), {"fields": ("name", "employee_number", "email", "language", "time_zone")}),
        (_("Work"), {"fields": ("role", "site", "sites", "is_active")}),
    )
    add_fieldsets = (
        (None, {"classes": ("wide",), "fields": ("username", "usable_password", "password1", "password2")}),
        (_("Work"), {"fields": ("name", "role", "site", "language")}),
    )
