"""Every address of the console. What is reachable without signing in says so in its view."""

from django.contrib import admin
from django.contrib.auth.decorators import login_required
from django.urls import include, path, re_path
from django.views.decorators.http import require_safe
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from contactops import pages
from incidents.api.views import UnknownView

api = [
    path("", include("incidents.api.urls")),
    path("", include("plans.api_urls")),
]

urlpatterns = [
    path("", pages.home, name="home"),
    path("", include("incidents.urls")),
    path("plans/", include("plans.urls")),
    path("roster/", include("plans.roster_urls")),
    path("accounts/", include("contactops.accounts.urls")),
    path("api/v1/", include(api)),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path(
        "api/docs/",
        require_safe(
            login_required(SpectacularSwaggerSplitView.as_view(url_name="schema", template_name="api_docs.html"))
        ),
        name="docs",
    ),
    re_path("^api/", UnknownView.as_view()),
    path("admin/", admin.site.urls),
    path("banner/", pages.banner, name="banner"),
    path("pulse/", pages.pulse, name="pulse"),
    path("healthz", pages.healthz, name="healthz"),
    path("metrics", pages.metrics, name="metrics"),
]

handler404 = pages.not_found
handler500 = pages.server_error
