"""An answer against the next call of the same ladder, many times, each with connections of its own.

Somebody is called, the window of their answer is about to end, and they answer at that very moment. Either the next
contact is called and then the answer counts, or the answer counts and nobody else is called; nothing in between.
"""

import random
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import connection

from contactops.accounts.models import User
from incidents import clock as product
from incidents import services
from incidents.models import Event, Incident, Notification, Timer
from incidents.notify.delivery import deliver_due
from incidents.record import record
from incidents.times import db_now
from tests.helpers import PLAIN_CLOCK
from tests.record.made import activated, forget_incidents

PLAN, LADDER, RULE = "inbound-surge", "inbound-surge.partner", "ladder-partner"
AT_ONCE = 24  # incidents in one round
ANSWERERS = 8
SPREAD_S = 1.0  # the windows of one round end within so many seconds
AROUND_S = (-0.15, 0.03)  # the answers begin between these, counted from the window's end; writing one takes a moment
AHEAD_S = 0.4  # to the first window's end, once everything is ready


@dataclass
class Trial:
    """One call and its answer. `seen`: the messages of this call-out that were there when the answer had been written."""

    incident: Incident
    told: Notification
    due: datetime
    moment: datetime
    seen: set[int] = field(default_factory=set)


@dataclass
class Tally:
    """What the rounds came to. `called_first`: the next contact was called before the answer; `close`: the answer was
    written within 50 ms of the window's end."""

    trials: int = 0
    called_first: int = 0
    close: int = 0
    wrong: list[str] = field(default_factory=list)


def play(trials: int, seed: int) -> Tally:
    """Two clocks run all the while, as in two workers."""
    chance, tally = random.Random(seed), Tally()
    clocks = [product.Clock(f"race-{n}") for n in range(2)]
    for clock in clocks:
        clock.start()
    try:
        while tally.trials < trials:
            _round(min(AT_ONCE, trials - tally.trials), chance, tally)
    finally:
        for clock in clocks:
            clock.stop()
        for clock in clocks:
            clock.join(20)
        _move_clock(0)
    return tally


def _round(count: int, chance: random.Random, tally: Tally) -> None:
    """In every other round it is the second contact's window that ends."""
    second = chance.random() < 0.5
    prepared = _called(count, chance)
    offset = 0.0
    if second:
        offset = _jump(_windows(prepared), offset, -1)  # all first windows are over
        _wait_for(prepared, 2)
    dues = _windows(prepared)
    trials = [_trial(incident, dues[incident.pk], chance) for incident in prepared]
    _jump(dues, offset, AHEAD_S)
    parts = [trials[n::ANSWERERS] for n in range(ANSWERERS)]
    threads = [threading.Thread(target=_answer, args=(part, tally.wrong)) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    _let_clocks_pass(dues)
    deliver_due()
    for trial in trials:
        _judge(trial, tally)
    tally.trials += len(trials)
    forget_incidents()
    _move_clock(0)


def _called(count: int, chance: random.Random) -> list[Incident]:
    """Incidents in which the first contact has just been called, not all at the same instant."""
    supervisor = User.objects.select_related("site").get(username="supervisor")
    rows = activated(count, supervisor, plan=PLAN, incident_type=PLAN, at=db_now() - timedelta(seconds=60))
    body = {"key": f"{PLAN}.same-topic", "verb": "complete", "decision": "partner"}
    now = db_now()
    calls = [
        services.change(row, supervisor, "steps/verb", body, at=now - timedelta(seconds=chance.uniform(0, SPREAD_S)))
        for row in rows
    ]
    return list(record(calls).values())


def _windows(incidents: list[Incident]) -> dict[int, datetime]:
    """When the window of whoever is being called ends."""
    rows = Timer.objects.filter(incident__in=incidents, rule=RULE, state="pending")
    found = dict(rows.values_list("incident", "due_at"))
    assert len(found) == len(incidents)
    return found


def _trial(incident: Incident, due: datetime, chance: random.Random) -> Trial:
    """Whoever has been called may answer, not only the last one."""
    called = Notification.objects.filter(incident=incident, ladder=LADDER, channel="console")
    told = chance.choice(list(called.select_related("incident__type", "incident__site", "recipient").order_by("pk")))
    return Trial(incident, told, due, due + timedelta(seconds=chance.uniform(*AROUND_S)))


def _answer(trials: list[Trial], wrong: list[str]) -> None:
    try:
        for trial in sorted(trials, key=lambda one: one.moment):
            time.sleep(max(0.0, (trial.moment - db_now()).total_seconds()))
            services.answer_notification(notification=trial.told, actor=trial.told.recipient, accept=True)
            trial.seen = _messages(trial.incident)
    except Exception as error:  # noqa: BLE001  the test says which
        wrong.append(f"{type(error).__name__}: {error}")
    finally:
        connection.close()


def _messages(incident: Incident) -> set[int]:
    return set(Notification.objects.filter(incident=incident, ladder=LADDER).values_list("pk", flat=True))


def _judge(trial: Trial, tally: Tally) -> None:
    """Nobody was called after the answer, and nothing is left that would call anybody."""
    ref, rows = trial.incident.ref, Event.objects.filter(incident=trial.incident)
    answers = list(rows.filter(kind="answered", facts__ladder=LADDER).values_list("seq", flat=True))
    calls = list(rows.filter(kind__in=("called_out", "contact_asked")).values_list("seq", flat=True))
    if len(answers) != 1:
        tally.wrong.append(f"{ref}: {len(answers)} answers")
        return
    if late := [seq for seq in calls if seq > answers[0]]:
        tally.wrong.append(f"{ref}: called by events {late} after the answer, event {answers[0]}")
    if queued := _messages(trial.incident) - trial.seen:
        tally.wrong.append(f"{ref}: messages {sorted(queued)} were queued after the answer had been written")
    if Timer.objects.filter(incident=trial.incident, rule=RULE, state="pending").exists():
        tally.wrong.append(f"{ref}: the next contact would still be called")
    letters = Notification.objects.filter(pk__in=trial.seen, channel="email", handed_at__isnull=False)
    if sent := [one.dedup_key for one in letters if {item["kind"] for item in one.items} == {"callout"}]:
        tally.wrong.append(f"{ref}: {sent} were sent after the answer")
    fired = Timer.objects.filter(incident=trial.incident, rule=RULE, state="fired", due_at=trial.due)
    tally.called_first += fired.exists()
    written = rows.get(seq=answers[0]).recorded_at
    tally.close += abs(written - trial.due) < timedelta(milliseconds=50)


def _jump(dues: dict[int, datetime], offset: float, ahead: float) -> float:
    """Move the clock on to so many seconds before the first window's end, or past the last one's."""
    goal = (
        min(dues.values()) - timedelta(seconds=ahead) if ahead > 0 else max(dues.values()) + timedelta(seconds=-ahead)
    )
    offset += (goal - db_now()).total_seconds()
    _move_clock(offset)
    return offset


def _move_clock(offset: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            PLAIN_CLOCK.format(f"clock_timestamp() + interval '{offset} s'" if offset else "clock_timestamp()")
        )


def _wait_for(incidents: list[Incident], calls: int) -> None:
    """Until so many calls went out in each."""
    deadline = time.monotonic() + 60
    kinds = ("called_out", "contact_asked")
    while Event.objects.filter(incident__in=incidents, kind__in=kinds).count() < calls * len(incidents):
        assert time.monotonic() < deadline, "the clocks do not fire"
        time.sleep(0.02)


def _let_clocks_pass(dues: dict[int, datetime]) -> None:
    """Every window has ended, and the clocks have had the time to look."""
    time.sleep(max(0.0, (max(dues.values()) - db_now()).total_seconds()) + 0.2)
    deadline = time.monotonic() + 60
    while Timer.objects.filter(incident__in=dues, state="pending", due_at__lte=db_now()).exists():
        assert time.monotonic() < deadline, "the clocks do not fire"
        time.sleep(0.02)
