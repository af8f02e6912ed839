"""The API's addresses, as in the contract."""

from django.urls import path, register_converter

from incidents.api import reach, signals, views
from incidents.verbs import VERBS


class BigInt:
    """An id that fits the database."""

    regex = "[0-9]{1,18}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)


register_converter(BigInt, "id")

incident = "incidents/<str:ref>/"

urlpatterns = [
    path("reports/", views.ReportsView.as_view()),
    path("reports/<uuid:pk>/", views.ReportView.as_view()),
    path("promises/", views.LedgerView.as_view()),
    path("incidents/", views.IncidentsView.as_view()),
    path(incident, views.IncidentView.as_view()),
    *(path(f"{incident}{name}/", views.verb_view(name)) for name in VERBS),
    path(f"{incident}steps/<str:key>/<slug:verb>/", views.StepVerbView.as_view()),
    path(f"{incident}promises/<id:pk>/<slug:verb>/", views.PromiseVerbView.as_view()),
    path(f"{incident}timeline/", views.TimelineView.as_view()),
    path(f"{incident}promises/", views.PromisesView.as_view()),
    path(f"{incident}notifications/", views.NotificationsView.as_view()),
    path(f"{incident}summary/", views.SummaryView.as_view()),
    path("contacts/", reach.ContactsView.as_view()),
    path("channels/", reach.ChannelsView.as_view()),
    path("signals/", signals.SignalsView.as_view()),
    path("signals/alertmanager/<slug:feed>/", signals.AlertmanagerView.as_view()),
    path("warnings/", signals.WarningsView.as_view()),
    path("warnings/<id:pk>/<slug:verb>/", signals.WarningVerbView.as_view()),
    path("notifications/<id:pk>/<slug:verb>/", views.AnswerView.as_view()),
]
