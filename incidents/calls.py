"""Who is being called for an incident, who has it, and whom else its plans can call."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from contactops.accounts.models import User
from incidents.engine.ledger import PENDING
from incidents.engine.plan import key_of
from incidents.engine.state import IncidentState
from incidents.models import Incident
from incidents.rulebook import Rulebook, in_force
from incidents.times import moment
from plans.texts import say


@dataclass(frozen=True)
class CallView:
    """A ladder or a contact card of an active plan, and how far its call is. `until`: of a call, when the next contact is
    asked; of an answer, when it runs out without a sign of life."""

    ladder: str
    title: str
    groups: list[str]
    state: str = "idle"  # calling, held
    since: datetime | None = None
    until: datetime | None = None
    people: tuple[User, ...] = ()
    answered: tuple[User, ...] = ()
    holder: User | None = None


def calls(incident: Incident) -> list[CallView]:
    """Those in use first, the longest first. Three queries at most."""
    state = incident.facts
    found = []
    book = Rulebook(in_force(state))
    names = {who for callout in state.callouts.values() for who in (*callout.people, *callout.answers, callout.holder)}
    people = _people(names)
    due = {
        (timer.plan, timer.rule): timer.due_at
        for timer in incident.timers.filter(state=PENDING, rule__regex=r"^(ladder|lease)-")
    }
    for activation in state.live_activations:
        pair = (activation.plan, activation.revision)
        titles = {
            group["key"]: say(group["title"])
            for group in (book.snapshots[pair].document if pair in book.snapshots else {}).get("groups", ())
        }
        for ladder in book.rules[pair].plan.ladders:
            name = key_of(activation.plan, ladder.id)
            view = CallView(name, book.ladder_title(pair, ladder.id), [titles[key] for key in ladder.contacts])
            found.append(_in_use(view, state, people, due, activation.plan, ladder.id))
    return sorted(found, key=lambda one: (one.since is None, one.since and one.since.timestamp()))


def _in_use(
    view: CallView,
    state: IncidentState,
    people: Mapping[str, User],
    due: Mapping[tuple[str, str], datetime],
    plan: str,
    ladder: str,
) -> CallView:
    calling, held = state.fact(f"callout:{view.ladder}"), state.fact(f"held:{view.ladder}")
    fact = calling or held
    if fact is None:
        return view
    callout = state.callouts[view.ladder]
    asked = callout.waiting or callout.people
    return replace(
        view,
        state="calling" if calling else "held",
        since=moment(fact.since),
        until=due.get((plan, f"ladder-{ladder}" if calling else f"lease-{ladder}")),
        people=tuple(people[who] for who in asked if who in people),
        answered=tuple(people[who] for who in callout.answers if who in people),
        holder=people.get(callout.holder),
    )


def _people(names: Iterable[str]) -> dict[str, User]:
    """People as the engine names them. One query, none when nobody is named."""
    ids = {int(name.removeprefix("user:")) for name in names if name.startswith("user:")}
    return {f"user:{user.pk}": user for user in User.objects.filter(pk__in=ids)} if ids else {}
