"""A process beside the console with the console's own settings: makes incidents in batches, reads back what became of them.

    python -m tests.faults.inside

One JSON array per line in, the verb and its arguments; one JSON value per line out. It is no part of what is broken: it
has no place to crash in, and is asked nothing while the database is away.
"""

import json
import os
import random
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import replace
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

RULE = "silence"
AFTER = timedelta(minutes=5)  # the house rules: a report that nobody acknowledges
SOON = timedelta(seconds=1.5)  # enough time to write them all before the first is due
DRILL_EVERY = 5
AGENTS = "faults-agent-"


def prepare() -> None:
    """The schema, people, places and plans; `contactops.run` would play the demo's past too."""
    from django.conf import settings
    from django.core.management import call_command

    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.MD5PasswordHasher"
    ]  # nobody signs in with these passwords
    with redirect_stdout(StringIO()):
        call_command("migrate", verbosity=0)
        call_command("seed_demo", "--without-past")


def cast(sites: int) -> dict[str, str]:
    """Sites with one agent, one supervisor and one duty leader each, so that nobody gets so many messages that some are
    put together. Returns the agents' API tokens by site."""
    from rest_framework.authtoken.models import Token

    from contactops.accounts.models import Channel, ContactPoint, Role, User
    from incidents.times import db_now
    from plans.models import Group, Membership, Site

    tokens = {}
    for number in range(sites):
        name = {"en": f"Site {number}", "zh-hans": f"职场 {number}"}
        site, made = Site.objects.get_or_create(code=f"faults-{number}", defaults={"name": name})
        agent, _ = User.objects.get_or_create(username=f"{AGENTS}{number}", defaults={"site": site})
        tokens[site.code] = Token.objects.get_or_create(user=agent)[0].key
        for key, role in (("G-SUP", Role.SUPERVISOR), ("G-DUTY", Role.LEADER)) if made else ():
            username = f"faults-{key[2:].lower()}-{number}"
            user = User.objects.create(username=username, role=role, site=site)
            group = Group.objects.create(key=key, site=site, name=name)
            Membership.objects.create(group=group, user=user)
            address = f"{username}@example.org"
            ContactPoint.objects.create(user=user, channel=Channel.EMAIL, address=address, verified_at=db_now())
    return tokens


def promises(seed: int, count: int, spread: float) -> list[dict[str, Any]]:
    """So many incidents, each at a site of its own, whose first promise comes due soon, within a spread of so many seconds:
    nobody has acknowledged them. Every fifth is a drill with one participant."""
    from contactops.accounts.models import User
    from incidents.models import Incident
    from incidents.record import record
    from incidents.times import db_now, ms
    from plans.models import Site
    from tests.record.made import reports

    agent = User.objects.select_related("site").get(username=f"{AGENTS}0")
    drills = len(range(0, count, DRILL_EVERY))
    begun = [*reports(drills, agent, kind="drill"), *reports(count - drills, agent)]
    rows = Incident.objects.in_bulk([change.incident_id for change in begun])
    sites, people = Site.objects.in_bulk(field_name="code"), User.objects.in_bulk(field_name="username")
    chance, now, changes, told, made = random.Random(seed), db_now(), [], [], []
    for number, change in enumerate(begun):
        row, due = rows[change.incident_id], now + SOON + timedelta(seconds=chance.uniform(0, spread))
        at = ms(due - AFTER)
        row.site, row.occurred_at, row.reported_at = sites[f"faults-{number}"], due - AFTER, due - AFTER
        changes.append(replace(change, at=at, body={**change.body, "captured_at": at}))
        hear = [f"faults-sup-{number}"]
        if row.kind == "drill":
            told.append(Incident.participants.through(incident_id=row.pk, user_id=people[hear[0]].pk))
        else:
            hear.append(f"faults-duty-{number}")
        made.append({"ref": row.ref, "due": due.timestamp(), "hear": sorted(f"{name}@example.org" for name in hear)})
    Incident.objects.bulk_update(rows.values(), ["site", "occurred_at", "reported_at"])
    Incident.participants.through.objects.bulk_create(told)
    record(changes)
    return made


def examine(refs: list[str]) -> list[dict[str, Any]]:
    """What the database says of these incidents, and what is wrong with their histories."""
    from incidents import trust
    from incidents.models import DeliveryAttempt, Event, Incident, Notification, Timer

    found = []
    for pk in Incident.objects.filter(ref__in=refs).order_by("pk").values_list("pk", flat=True):
        with trust.held(pk) as incident:
            wrong = list(trust.faults(incident))
        events = Event.objects.filter(incident=incident).order_by("seq")
        timers = Timer.objects.filter(incident=incident, rule=RULE, n=1)
        tries: dict[int, list[str]] = {}
        for of, outcome in DeliveryAttempt.objects.filter(notification__incident=incident).values_list(
            "notification", "outcome"
        ):
            tries.setdefault(of, []).append(outcome)
        letters = Notification.objects.filter(incident=incident).exclude(channel="console")
        found.append(
            {
                "ref": incident.ref,
                "kind": incident.kind,
                "wrong": wrong,
                "events": [[e.seq, e.kind, e.facts.get("key", ""), _seconds(e.recorded_at)] for e in events],
                "timers": [[t.key, t.state, _seconds(t.due_at), _seconds(t.fired_at)] for t in timers],
                "letters": [
                    {
                        "key": one.dedup_key.replace(":", "."),
                        "to": one.address,
                        "state": one.state,
                        "seqs": [item.get("seq") for item in one.items],
                        "tries": tries.get(one.pk, []),
                    }
                    for one in letters
                ],
            }
        )
    return found


def reported(keys: list[str]) -> list[list[str]]:
    """The key, the incident and the site of every stored report among these keys."""
    from incidents.models import Report

    rows = Report.objects.filter(client_key__in=keys).values_list("client_key", "incident__ref", "incident__site__code")
    return [[str(key), ref, site] for key, ref, site in rows]


def forget() -> None:
    from tests.record.made import forget_incidents

    forget_incidents()


def _seconds(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment else None


VERBS: dict[str, Callable[..., Any]] = {
    "prepare": prepare,
    "cast": cast,
    "promises": promises,
    "examine": examine,
    "reported": reported,
    "forget": forget,
}


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "contactops.settings"
    import django

    django.setup()
    from django.db import close_old_connections

    for line in sys.stdin:
        verb, *arguments = json.loads(line)
        close_old_connections()
        sys.stdout.write(json.dumps(VERBS[verb](*arguments)) + "\n")
        sys.stdout.flush()
        close_old_connections()


if __name__ == "__main__":
    main()
