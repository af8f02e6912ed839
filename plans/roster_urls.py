"""Under /roster/."""

from django.urls import path

from plans import roster_views as views

app_name = "roster"

urlpatterns = [
    path("", views.page, name="page"),
    path("add/", views.add, name="add"),
    path("shifts/<int:pk>/", views.shift, name="shift"),
    path("shifts/<int:pk>/<slug:verb>/", views.shift_verb, name="shift-verb"),
    path("swaps/<int:pk>/<slug:verb>/", views.swap_verb, name="swap-verb"),
    path("import/", views.import_shifts, name="import"),
    path("template.csv", views.template, name="template"),
    path("export.csv", views.export, name="export"),
    path("calendar/", views.renew, name="renew"),
    path("<str:token>.ics", views.feed, name="feed"),
]
