"""Under /plans/."""

from django.urls import path

from plans import views

app_name = "plans"

urlpatterns = [
    path("", views.plan_list, name="list"),
    path("<slug:slug>/", views.plan_detail, name="detail"),
    path("<slug:slug>/revisions/", views.plan_history, name="history"),
    path("<slug:slug>/revisions/<int:number>/", views.plan_revision, name="revision"),
]
