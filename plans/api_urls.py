"""Under /api/v1/."""

from django.urls import path

from plans import api, roster_api

urlpatterns = [
    path("plans/", api.PlanListView.as_view(), name="api-plans"),
    path("plans/<slug:slug>/", api.PlanView.as_view(), name="api-plan"),
    path("plans/<slug:slug>/revisions/<int:number>/", api.PlanRevisionView.as_view(), name="api-plan-revision"),
    path("roster/", roster_api.RosterView.as_view()),
    path("roster/now/", roster_api.NowView.as_view()),
    path("roster/shifts/", roster_api.ShiftsView.as_view()),
    path("roster/import/", roster_api.ImportView.as_view()),
    *(path(f"roster/shifts/<int:pk>/{name}/", roster_api.shift_view(name)) for name in roster_api.SHIFT_VERBS),
    path("roster/swaps/<int:pk>/<slug:verb>/", roster_api.SwapView.as_view()),
]
