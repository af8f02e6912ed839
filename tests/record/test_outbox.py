"""Who is told what by one write, and in which words."""

from collections.abc import Callable
from datetime import timedelta

from contactops.accounts.models import User
from incidents import services
from incidents.models import Incident, Notification
from incidents.notify import wording
from incidents.record import settle
from plans.models import Group, Membership
from tests.helpers import Api, Clock
from tests.record.made import activated, incidents

MINUTE = timedelta(minutes=1)


def letters(incident: Incident, channel: str = "email") -> dict[str, Notification]:
    """The last message to each person."""
    rows = Notification.objects.filter(incident=incident, channel=channel).order_by("pk")
    return {row.recipient.username: row for row in rows.select_related("recipient__site", "incident__type")}


def leave(*usernames: str) -> None:
    assert User.objects.filter(username__in=usernames).update(is_active=False) == len(usernames)


def test_one_message_per_person_write_and_channel(clock: Clock, agent: User, supervisor: User) -> None:
    [incident] = incidents(1, agent)
    before = Notification.objects.filter(incident=incident).count()
    services.activate(incident=incident, actor=supervisor, plan="power-cut", level=3)
    rows = list(Notification.objects.filter(incident=incident).order_by("pk"))[before:]
    assert len({(row.recipient_id, row.channel) for row in rows}) == len(rows)
    told = letters(incident)["supervisor"]
    assert len([item for item in told.items if item["kind"] == "step"]) > 1
    text = wording.mail(told)[1]
    assert "Telephone maintenance" in text
    assert text.count("Telephone maintenance") == 1


def test_every_message_has_a_key_of_its_own_and_is_written_once(clock: Clock, agent: User, supervisor: User) -> None:
    [incident] = activated(1, agent)
    clock.forward(40 * MINUTE)
    rows = list(Notification.objects.filter(incident=incident))
    assert len({row.dedup_key for row in rows}) == len(rows)
    again = Notification(**{f.attname: getattr(rows[0], f.attname) for f in Notification._meta.concrete_fields[1:]})
    Notification.objects.bulk_create([again], ignore_conflicts=True)
    assert Notification.objects.filter(incident=incident).count() == len(rows)


def test_the_console_has_what_the_mail_says_at_once(clock: Clock, agent: User) -> None:
    [incident] = incidents(1, agent)
    mail, console = letters(incident), letters(incident, "console")
    assert set(mail) <= set(console)
    assert {row.state for row in mail.values()} == {"queued"}
    assert {row.state for row in console.values()} == {"delivered"}
    assert mail["supervisor"].first
    assert mail["supervisor"].address == "supervisor@example.org"


def test_a_group_with_nobody_in_it_falls_to_the_leading_group_and_says_so(clock: Clock, agent: User) -> None:
    leave("leader")  # the only duty leader of the site
    [incident] = incidents(1, agent)
    told = letters(incident)
    assert {"director", "manager", "supervisor"} == set(told)
    assert any(item.get("nobody_in") == "G-DUTY" for item in told["director"].items)
    assert "nobody is in group G-DUTY" in wording.mail(told["director"])[1]
    assert "nobody is in group" not in wording.mail(told["supervisor"])[1]


def test_a_group_that_does_not_exist_falls_to_the_leading_group_too(clock: Clock, agent: User) -> None:
    Membership.objects.filter(group__key="G-DUTY").delete()
    Group.objects.filter(key="G-DUTY").update(key="G-GONE")
    [incident] = incidents(1, agent)
    assert {"director", "manager"} <= set(letters(incident))


def test_with_nobody_in_the_leading_group_the_supervisors_hear(clock: Clock, agent: User) -> None:
    leave("leader", "director", "manager")
    [incident] = incidents(1, agent)
    told = letters(incident)
    assert set(told) == {"supervisor"}
    assert any(item.get("nobody_in") == "G-DUTY" for item in told["supervisor"].items)


def test_work_given_to_somebody_who_left_is_not_lost_sight_of(
    clock: Clock, agent: User, supervisor: User, cast: Callable[[str], User]
) -> None:
    [incident] = activated(1, agent)
    key = "power-cut.powered-seats"
    incident = services.do_step(incident=incident, actor=supervisor, key=key, verb="assign", person="leader")
    assert any(item["kind"] == "assigned" for item in letters(incident)["leader"].items)
    leave("leader")
    clock.forward(6 * MINUTE)  # past the step's limit
    told = [n for n in Notification.objects.filter(incident=incident) if {"overdue"} & {i["kind"] for i in n.items}]
    about = [n for n in told if any(item.get("step") == key for item in n.items)]
    assert about
    assert all(row.recipient.is_active for row in about)


def test_a_drill_reaches_its_participants_only_and_begins_with_the_word(
    clock: Clock, api: Callable[[str], Api]
) -> None:
    ref = api("manager").report(kind="drill", participants=["supervisor", "tech"], site="leeds")
    api("supervisor").do(ref, "activate", plan="power-cut", level=3)
    incident = Incident.objects.get(ref=ref)
    clock.forward(20 * MINUTE)
    rows = Notification.objects.filter(incident=incident)
    assert set(rows.values_list("recipient__username", flat=True)) == {"supervisor", "tech"}
    for row in rows.select_related("recipient__site", "incident__type"):
        subject, body = wording.mail(row)
        assert subject.startswith("DRILL / 演练: DRL-")
        assert body.startswith("DRILL / 演练\n")


def test_what_is_real_does_not_say_drill(clock: Clock, agent: User) -> None:
    [incident] = activated(1, agent)
    for row in letters(incident).values():
        assert "DRILL" not in "".join(wording.mail(row))


def test_what_is_keyed_in_afterwards_is_news_to_nobody(clock: Clock, agent: User) -> None:
    [incident] = incidents(1, agent, kind="backfilled", at=clock.now - 600 * MINUTE)
    assert not Notification.objects.filter(incident=incident).exists()


def test_somebody_who_left_is_told_nothing(clock: Clock, agent: User) -> None:
    leave("tech")
    [incident] = activated(1, agent)
    clock.forward(60 * MINUTE)
    assert not Notification.objects.filter(incident=incident, recipient__username="tech").exists()


def test_everybody_reads_their_own_language(clock: Clock, cast: Callable[[str], User]) -> None:
    [incident] = activated(1, cast("agent-xian"))
    told = letters(incident)
    subject, body = wording.mail(told["supervisor-xian"])
    assert "断电" in subject
    assert "电话通知维护人员" in body
    [english] = activated(1, cast("agent03"))
    subject, body = wording.mail(letters(english)["supervisor"])
    assert "Power cut" in subject
    assert "Telephone maintenance" in body
    assert "断电" not in subject + body


def test_times_are_told_in_the_reader_s_zone(clock: Clock, cast: Callable[[str], User]) -> None:
    [incident] = activated(1, cast("agent-xian"))
    told = letters(incident)
    assert "22:00 CST" in wording.mail(told["supervisor-xian"])[1]  # 14:00 UTC


def test_after_an_outage_the_message_says_how_late_it_is(clock: Clock, agent: User) -> None:
    [incident] = incidents(1, agent)
    clock.forward(25 * MINUTE, fire=False)
    settle([incident.pk])
    told = letters(incident)
    assert "5 min late: the console was down" in wording.mail(told["director"])[1]
    assert set(told) >= {"supervisor", "leader", "director", "manager"}
