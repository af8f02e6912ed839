"""Django's admin as this console has it."""

from typing import Any
from urllib.parse import urlencode

from django.contrib.admin import AdminSite, site
from django.contrib.admin.apps import AdminConfig
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _

from contactops.errors import NotAllowed


class Administration(AdminSite):
    """One door for everybody: people sign in where wrong tries are counted."""

    @method_decorator(login_not_required)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.user.is_authenticated:
            if self.has_permission(request):
                return redirect("admin:index")
            raise NotAllowed(_("This page is not for your role."))
        return redirect(f"{reverse('login')}?{urlencode({'next': request.GET.get('next', reverse('admin:index'))})}")


class AdministrationConfig(AdminConfig):
    default_site = "contactops.administration.Administration"

    def ready(self) -> None:
        super().ready()
        from rest_framework.authtoken.models import TokenProxy

        site.unregister(TokenProxy)  # whoever reads another's key acts as that person
