"""Under /api/v1/."""

from django.urls import path

from plans import api

urlpatterns = [
    path("plans/", api.PlanListView.as_view(), name="api-plans"),
    path("plans/<slug:slug>/", api.PlanView.as_view(), name="api-plan"),
    path("plans/<slug:slug>/revisions/<int:number>/", api.PlanRevisionView.as_view(), name="api-plan-revision"),
]
