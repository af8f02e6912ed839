"""The pages of incidents, as in the contract. The verbs come from the table that the API uses too."""

from django.urls import path, register_converter

from incidents.api.urls import BigInt
from incidents.verbs import VERBS
from incidents.views import actions, agent, manager, person, room, sites, styleguide, supervisor, system

register_converter(BigInt, "number")

incident = "incidents/<str:ref>/"

urlpatterns = [
    path("report/", agent.report, name="report"),
    path("report/<uuid:pk>/", agent.receipt, name="receipt"),
    path("report/help/<str:ref>/", agent.help_out, name="help"),
    path("board/", supervisor.board, name="board"),
    path("overview/", manager.overview, name="overview"),
    path("site/", sites.choose_site, name="choose-site"),
    path("inbox/", person.inbox, name="inbox"),
    path("inbox/<number:pk>/<slug:verb>/", person.answer, name="answer"),
    path("system/", system.system, name="system"),
    path("system/outbox/", system.outbox, name="outbox"),
    path("system/mail/", system.mail, name="mail"),
    path("system/mail/<str:key>/", system.one_mail, name="one-mail"),
    path("styleguide/", styleguide.styleguide, name="styleguide"),
    path("incidents/", supervisor.incidents, name="incidents"),
    path(incident, room.room, name="room"),
    path(f"{incident}summary/", manager.summary, name="summary"),
    *(path(f"{incident}{name}/", actions.verb, {"name": name}, name=f"verb-{name}") for name in VERBS),
    path(f"{incident}steps/<str:key>/<slug:verb>/", actions.step_verb, name="step-verb"),
    path(f"{incident}promises/<number:pk>/<slug:verb>/", actions.promise_verb, name="promise-verb"),
]
