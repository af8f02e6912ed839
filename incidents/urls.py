"""The pages of incidents, as in the contract. The verbs come from the table that the API uses too."""

from django.urls import path, register_converter

from incidents.api.urls import BigInt
from incidents.verbs import VERBS
from incidents.views import (
    actions,
    agent,
    channels,
    contacts,
    links,
    manager,
    person,
    promises,
    room,
    sites,
    styleguide,
    supervisor,
    system,
    warnings,
)

register_converter(BigInt, "number")

incident = "incidents/<str:ref>/"

urlpatterns = [
    path("report/", agent.report, name="report"),
    path("report/<uuid:pk>/", agent.receipt, name="receipt"),
    path("report/help/<str:ref>/", agent.help_out, name="help"),
    path("board/", supervisor.board, name="board"),
    path("overview/", manager.overview, name="overview"),
    path("warnings/", warnings.warnings, name="warnings"),
    path("warnings/<number:pk>/<slug:verb>/", warnings.decide, name="decide-warning"),
    path("warnings/feeds/new/", warnings.feed, name="new-feed"),
    path("warnings/feeds/<number:pk>/", warnings.feed, name="feed"),
    path("warnings/rules/new/", warnings.rule, name="new-rule"),
    path("warnings/rules/<number:pk>/", warnings.rule, name="rule"),
    path("site/", sites.choose_site, name="choose-site"),
    path("promises/", promises.promises, name="promises"),
    path("inbox/", person.inbox, name="inbox"),
    path("inbox/<number:pk>/<slug:verb>/", person.answer, name="answer"),
    path("a/<str:token>/", links.link, name="link"),
    path("contacts/", contacts.contacts, name="contacts"),
    path("contacts/add/", contacts.add, name="contact-add"),
    path("contacts/<number:pk>/<slug:verb>/", contacts.act, name="contact-act"),
    path("system/", system.system, name="system"),
    path("system/findings/", system.see_findings, name="see-findings"),
    path("system/outbox/", system.outbox, name="outbox"),
    path("system/channels/", channels.channels, name="channels"),
    path("system/channels/add/", channels.add, name="channel-add"),
    path("system/channels/test-mail/", channels.test_mail, name="channel-test-mail"),
    path("system/channels/<number:pk>/<slug:verb>/", channels.act, name="channel-act"),
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
