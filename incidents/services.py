"""One short verb per thing a person can do: check access, build the change, record. HTML, API, tasks and commands call
these and nothing else."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from contactops.accounts.models import User
from contactops.errors import Conflict, Invalid, NotFound
from incidents import access, helpers
from incidents.engine.decide import SKEW_MS
from incidents.engine.lifecycle import MAJOR, Refusal
from incidents.engine.plan import POINTS, key_of
from incidents.models import Event, Incident, Note, Notification, StepRun, StoredReply, Timer
from incidents.models.outbox import QUEUED, READ, SUPPRESSED
from incidents.record import Change, record
from incidents.rulebook import Rulebook, in_force
from incidents.times import MS, db_now, moment, ms
from incidents.wording import name
from plans import selectors as plans
from plans.models import Group, IncidentType, PlanRevision

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
AHEAD = timedelta(days=366)  # nothing is promised or put off further than this


def who(user: User) -> str:
    """A person, as the engine names them."""
    return f"user:{user.pk}"


def refused(refusal: Refusal, field: str = "", called: Mapping[str, str] | None = None) -> Conflict | Invalid:
    """The engine's refusal as an error for a person, in their language. `called`: what the people are called."""
    named = {key: (called or {}).get(str(value)) or name(str(value)) for key, value in refusal.params.items()}
    detail = _(refusal.message) % named if named else _(refusal.message)
    if refusal.code == "invalid":
        return Invalid(detail, field=field or refusal.field or "non_field_errors")
    return Conflict(detail, code=refusal.code, open=refusal.open)


def change(
    incident: Incident,
    actor: User,
    verb: str,
    body: Mapping[str, Any] | None = None,
    *,
    at: datetime | None = None,
    words: Mapping[str, str] | None = None,
    note: Note | None = None,
    rev: int | None = None,
    title: Mapping[str, str] | None = None,
    columns: Mapping[str, Any] | None = None,
) -> Change:
    """One change, with what the person wrote as a note."""
    said = {name: text for name, text in (words or {}).items() if text}
    if said:
        note = Note.of(incident, actor.pk, said)
    return Change(
        incident_id=incident.pk,
        verb=verb,
        actor=who(actor),
        at=ms(at) if at else None,
        body=body or {},
        note=note,
        rev=rev,
        title=title or {},
        columns=columns or {},
    )


def write(changes: Sequence[Change], at_field: str = "at", called: Mapping[str, str] | None = None) -> Incident:
    """Record the changes; returns the incident of the last one."""
    try:
        return record(changes)[changes[-1].incident_id]
    except Refusal as refusal:
        raise refused(refusal, at_field if refusal.field == "at" else "", called) from refusal


def acknowledge(*, incident: Incident, actor: User, rev: int | None = None) -> Incident:
    """Somebody has taken it up: reported -> assessing."""
    access.require(actor, incident, "acknowledge")
    return write([change(incident, actor, "acknowledge", rev=rev)])


def assess(
    *,
    incident: Incident,
    actor: User,
    verdict: str,
    type: str = "",
    scope: str = "",
    note: str = "",
    rev: int | None = None,
) -> Incident:
    """What it really is. Another type makes that type's starting condition hold, since the fault began."""
    access.require(actor, incident, "assess")
    body: dict[str, Any] = {"verdict": verdict, "scope": scope}
    columns = {}
    if type:
        columns["type"] = incident_type(type, "type")
        body |= {"type": type, "conditions": starting_conditions(columns["type"])}
    return write([change(incident, actor, "assess", body, words={"text": note}, rev=rev, columns=columns)])


def starting_conditions(kind: IncidentType) -> list[str]:
    """What holds from the start of an incident of this type, by its plan."""
    revision = _published(kind.default_plan.slug) if kind.default_plan else None
    return [revision.document["starts"]] if revision and revision.document.get("starts") else []


def _published(slug: str) -> PlanRevision | None:
    try:
        return plans.published(slug)
    except NotFound:
        return None


def incident_type(slug: str, field: str) -> IncidentType:
    kind = IncidentType.objects.filter(slug=slug).first()
    if kind is None:
        raise Invalid(_("There is no incident type “%(slug)s”.") % {"slug": slug}, field=field)
    return kind


def activate(
    *,
    incident: Incident,
    actor: User,
    plan: str,
    level: int,
    reason: str = "",
    replace: bool = False,
    rev: int | None = None,
) -> Incident:
    """Put a published plan in force. Levels 1-2 take effect at once and may still need the leading group's word."""
    access.require(actor, incident, "activate", {"level": level, "replace": replace})
    revision = _published(plan)
    if revision is None or revision.plan.is_house:
        raise Invalid(_("There is no published plan “%(slug)s”.") % {"slug": plan}, field="plan")
    body = {
        "plan": plan,
        "revision": revision.number,
        "level": level,
        "confirmed": level not in MAJOR or access.confirms(actor),
        "replace": replace,
    }
    return write([change(incident, actor, "activate", body, words={"reason": reason}, rev=rev)])


def change_level(*, incident: Incident, actor: User, level: int, reason: str, rev: int | None = None) -> Incident:
    access.require(actor, incident, "level", {"level": level})
    _require_level(incident)
    body = {"level": level, "confirmed": level not in MAJOR or access.confirms(actor)}
    return write([change(incident, actor, "level", body, words={"reason": reason}, rev=rev)])


def _require_level(incident: Incident) -> None:
    """One that was reopened before any plan was active is being responded to, and still has no level."""
    if incident.level is None:
        raise Conflict(_("There is no level yet: activate a plan first."), code="illegal")


def confirm_level(*, incident: Incident, actor: User, rev: int | None = None) -> Incident:
    access.require(actor, incident, "level/confirm")
    _require_level(incident)
    return write([change(incident, actor, "level/confirm", rev=rev)])


def set_condition(
    *, incident: Incident, actor: User, name: str, holds: bool, at: datetime | None = None, rev: int | None = None
) -> Incident:
    """The power is off, the power is back; contained, restored. Saying what holds already changes nothing."""
    access.require(actor, incident, "conditions")
    begun = incident.facts.fact(f"condition:{name}")
    if name in POINTS:
        at = _not_before(incident.occurred_at, at)
    elif begun and not holds:
        at = _not_before(moment(begun.since), at)
    return write([change(incident, actor, "conditions", {"name": name, "holds": holds}, at=at, rev=rev)])


def _not_before(begun: datetime, at: datetime | None, field: str = "at") -> datetime | None:
    """What answers a fault cannot be older than the fault. A page's clock has no seconds: the same minute is not older."""
    if at is None or at >= begun:
        return at
    if at < begun.replace(second=0, microsecond=0):
        raise Invalid(_("That is before it began."), field=field)
    return begun


def add_step(
    *,
    incident: Incident,
    actor: User,
    title: str,
    group: str,
    due_in: timedelta | None = None,
    rev: int | None = None,
) -> Incident:
    """A step that no plan foresaw. `group`: a key of the organisation (G-TECH) or of one of the active plans."""
    access.require(actor, incident, "steps")
    body: dict[str, Any] = {"group": _group_key(incident, group)}
    if due_in:
        body["due_in"] = due_in // MS
    both = {"en": title, "zh-hans": title}
    return write([change(incident, actor, "steps", body, words={"title": title}, title=both, rev=rev)])


def _group_key(incident: Incident, name: str) -> str:
    compiled = Rulebook(in_force(incident.facts)).rules.values()
    key = next((one.plan.groups[name] for one in compiled if name in one.plan.groups), name)
    if not Group.objects.filter(key=key).exists():
        raise Invalid(_("There is no group “%(name)s”.") % {"name": name}, field="group")
    return key


def step_of(incident: Incident, key: str) -> StepRun:
    """The step by its key. One that the plan has but that is not open yet is a conflict, not a mystery."""
    step = StepRun.objects.filter(incident=incident, key=key).first()
    if step:
        return step
    compiled = Rulebook(in_force(incident.facts)).rules.values()
    if any(key == key_of(one.plan.slug, name) for one in compiled for name in one.steps):
        raise Conflict(_("This step has not been opened yet."), code="not_open")
    raise NotFound(_("There is no such step."))


def do_step(
    *,
    incident: Incident,
    actor: User,
    key: str,
    verb: str,
    note: str = "",
    reason: str = "",
    decision: str = "",
    call: Mapping[str, Any] | None = None,
    person: str = "",
    rev: int | None = None,
) -> Incident:
    """start, complete, skip, assign, block or unblock one step. A call's record is {person, answered, at}."""
    step = step_of(incident, key)
    access.require_step(actor, step, verb)
    body: dict[str, Any] = {"key": key, "verb": verb}
    words = {"text": note, "reason": reason}
    if decision:
        body |= {"decision": decision, "confirms": access.confirms(actor)}
    if call:
        at = _not_before(incident.occurred_at, call.get("at"), "call")
        if at and at > db_now() + timedelta(milliseconds=SKEW_MS):
            raise Invalid(_("That time is in the future."), field="call")
        body["call"] = {"answered": call["answered"], **({"at": ms(at)} if at else {})}
        words["person"] = call["person"]
    if verb == "assign":
        body["person"] = who(_colleague(incident, person, "person"))
    return write([change(incident, actor, "steps/verb", body, words=words, rev=rev)])


def _colleague(incident: Incident, username: str, field: str) -> User:
    """Somebody who can be given work in this incident: they have a part in incidents, and can see this one."""
    user = User.objects.filter(username=username, is_active=True).first()
    if user is None or not access.acts(user) or not Incident.objects.visible_to(user).filter(pk=incident.pk).exists():
        raise Invalid(_("“%(name)s” can do nothing in this incident.") % {"name": username}, field=field)
    return user


def set_support(
    *,
    incident: Incident,
    actor: User,
    tier: int,
    open: bool,
    people: Sequence[str] = (),
    at: datetime | None = None,
    rev: int | None = None,
) -> Incident:
    """First- or second-level support opens or closes (N4, N5). Whoever is named when it opens is asked; whoever is in it
    when it ends is released."""
    access.require(actor, incident, "support")
    at = _not_before(incident.occurred_at, at)
    known = helpers.named(people)
    if open:
        helpers.require_to_be_asked(incident, known)
    else:
        at = helpers.not_in_the_same_minute(incident, tier, None, at)
    body = {"tier": tier, "open": open, "people": [who(user) for user in known]}
    return write([change(incident, actor, "support", body, at=at, rev=rev)])


def set_support_people(
    *,
    incident: Incident,
    actor: User,
    tier: int,
    status: str,
    people: Sequence[str] = (),
    group: str = "",
    at: datetime | None = None,
    note: str = "",
    rev: int | None = None,
) -> Incident:
    """Who was asked, confirmed or declined, has joined, was released. Those who were asked say it of themselves, whatever
    their role; those who run the response of anybody. `group`: a group's key, `agents`, or those who stand at a status."""
    access.require(
        actor, incident, "support/people", {"tier": tier, "status": status, "people": people, "group": group}
    )
    known = helpers.named(people, also_gone=status != "asked")
    if status == "asked":
        helpers.require_to_be_asked(incident, known)
    if group:
        known += [user for user in helpers.of_group(incident, tier, status, group) if user not in known]
    at = helpers.not_in_the_same_minute(incident, tier, known, at)
    body = {"tier": tier, "status": status, "people": [who(user) for user in known]}
    done = [change(incident, actor, "support/people", body, at=at, words={"text": note}, rev=rev)]
    return write(done, called={who(user): str(user) for user in known})


def promise_of(incident: Incident, pk: int) -> Timer:
    timer = Timer.objects.filter(incident=incident, pk=pk).first()
    if timer is None:
        raise NotFound(_("There is no such promise."))
    return timer


def extend_promise(
    *,
    incident: Incident,
    actor: User,
    promise: int,
    reason: str,
    until: datetime | None = None,
    by: timedelta | None = None,
    rev: int | None = None,
) -> Incident:
    """Put one pending promise off, until an instant or by a duration."""
    access.require(actor, incident, "promises/extend")
    timer = promise_of(incident, promise)
    access.require_promise(actor, timer)
    if (by is None) == (until is None):
        raise Invalid(_("Say either until when or by how much."), field="until")
    if (until or timer.due_at + (by or timedelta())) > db_now() + AHEAD:
        raise Invalid(_("That is more than a year away."), field="until")
    body: dict[str, Any] = {"base": timer.base, "n": timer.n}
    body |= {"by": by // MS} if by is not None else {"until": ms(until)} if until else {}
    return write([change(incident, actor, "promises/extend", body, words={"reason": reason}, rev=rev)])


def _change_promise(
    verb: str, *, incident: Incident, actor: User, promise: int, reason: str, rev: int | None = None
) -> Incident:
    access.require(actor, incident, f"promises/{verb}")
    timer = promise_of(incident, promise)
    body = {"base": timer.base, "n": timer.n}
    return write([change(incident, actor, f"promises/{verb}", body, words={"reason": reason}, rev=rev)])


# One pending promise is paused, goes on later by as long as it was paused, or is given up.
pause_promise = partial(_change_promise, "pause")
resume_promise = partial(_change_promise, "resume")
stop_promise = partial(_change_promise, "stop")


def post_update(
    *,
    incident: Incident,
    actor: User,
    audience: str,
    text: str = "",
    nothing_new: bool = False,
    next_update_at: datetime | None = None,
    rev: int | None = None,
) -> Incident:
    """Tell agents, customers, leaders or all how things stand, or that nothing is new, and when they will hear again."""
    access.require(actor, incident, "updates", {"audience": audience})
    body: dict[str, Any] = {"audience": audience, "nothing_new": nothing_new and not text}
    if next_update_at:
        now = db_now()
        if not now < next_update_at <= now + AHEAD:
            raise Invalid(_("The next update must lie ahead, within a year."), field="next_update_at")
        body["next_update_at"] = ms(next_update_at)
    return write([change(incident, actor, "updates", body, words={"text": text}, rev=rev)])


def set_cadence(
    *, incident: Incident, actor: User, audience: str, every: timedelta, reason: str, rev: int | None = None
) -> Incident:
    """How often an audience hears from now on in this incident, whatever its plans say."""
    access.require(actor, incident, "cadence", {"audience": audience})
    if not MINUTE <= every <= DAY:
        raise Invalid(_("Between a minute and a day."), field="every")
    body = {"audience": audience, "every": every // MS}
    return write([change(incident, actor, "cadence", body, words={"reason": reason}, rev=rev)])


def add_note(
    *,
    incident: Incident,
    actor: User,
    text: str,
    corrects: int | None = None,
    at: datetime | None = None,
    rev: int | None = None,
) -> Incident:
    """A line in the history. `corrects`: the entry it corrects; with `at`, what that entry began moves to that time. Words
    for an incident that was merged go where it went, because that is where people read."""
    while corrects is None and incident.merged_into:
        incident, rev = incident.merged_into, None
    access.require(actor, incident, "notes")
    body: dict[str, Any] = {"corrects": corrects}
    if corrects is not None and at is not None:
        if at > db_now():
            raise Invalid(_("That time is in the future."), field="at")
        access.require(actor, incident, "conditions")
        body["to"] = ms(at)
    return write([change(incident, actor, "notes", body, words={"text": text}, rev=rev)])


def take_command(
    *, incident: Incident, actor: User, commander: str, deputy: str = "", rev: int | None = None
) -> Incident:
    access.require(actor, incident, "command")
    body = {"commander": who(_colleague(incident, commander, "commander"))}
    if deputy:
        body["deputy"] = who(_colleague(incident, deputy, "deputy"))
    return write([change(incident, actor, "command", body, rev=rev)])


def stand_down(*, incident: Incident, actor: User, reason: str, rev: int | None = None) -> Incident:
    """End the response. Refused, with the list, while a required check is open (S1.7)."""
    access.require(actor, incident, "stand-down")
    return write([change(incident, actor, "stand-down", words={"reason": reason}, rev=rev)])


def close(
    *,
    incident: Incident,
    actor: User,
    outcome: str,
    cause: str = "",
    summary: str = "",
    rev: int | None = None,
) -> Incident:
    """End the incident. Refused, with the list of what is open, until nothing is."""
    access.require(actor, incident, "close")
    body = {"outcome": outcome, "may_stand_down": access.permitted(actor, incident, "stand-down")}
    return write([change(incident, actor, "close", body, words={"cause": cause, "text": summary}, rev=rev)])


def cancel(*, incident: Incident, actor: User, reason: str, rev: int | None = None) -> Incident:
    access.require(actor, incident, "cancel")
    return write([change(incident, actor, "cancel", words={"reason": reason}, rev=rev)])


def reopen(*, incident: Incident, actor: User, reason: str, rev: int | None = None) -> Incident:
    access.require(actor, incident, "reopen")
    return write([change(incident, actor, "reopen", words={"reason": reason}, rev=rev)])


def waive(*, incident: Incident, actor: User, gate: str, reason: str, rev: int | None = None) -> Incident:
    """Let the incident be closed without one of the plan's conditions, by name and with a reason."""
    access.require(actor, incident, "waive")
    if gate in incident.facts.waived:
        raise Conflict(_("This has been waived already."), code="waived")
    return write([change(incident, actor, "waive", {"gate": gate}, words={"reason": reason}, rev=rev)])


def merge(*, incident: Incident, actor: User, into: str, rev: int | None = None) -> Incident:
    """This incident is the same as another one: its reports go there, it closes as a duplicate. Returns the target."""
    access.require(actor, incident, "merge")
    target = Incident.objects.visible_to(actor).filter(ref=into).first()
    if target is None or target.pk == incident.pk:
        raise Invalid(_("There is no other incident “%(ref)s” that you can see.") % {"ref": into}, field="into")
    if not target.is_live:
        raise Conflict(_("%(ref)s is closed.") % {"ref": into}, code="closed")
    if target.kind != incident.kind:
        raise Conflict(_("A drill and a real incident cannot be merged."), code="kind")
    with transaction.atomic():
        started = incident.facts.points["started"]
        done = write(
            [
                change(incident, actor, "merge", {"ref": into}, rev=rev, columns={"merged_into": target}),
                change(target, actor, "join", {"ref": incident.ref, "started": started}),
            ]
        )
        incident.reports.update(incident=done, joined=True)
    return done


def call_out(*, incident: Incident, actor: User, ladder: str, note: str = "", rev: int | None = None) -> Incident:
    """Call the contacts of a ladder or of a topic card of an active plan, the first one now (N6)."""
    access.require(actor, incident, "call-out")
    return write([change(incident, actor, "call-out", {"ladder": ladder}, words={"text": note}, rev=rev)])


def hand_over(
    *, incident: Incident, actor: User, ladder: str, person: str, note: str = "", rev: int | None = None
) -> Incident:
    """Give a call-out that one holds, or by which one is called, to somebody else: they are called now."""
    access.require(actor, incident, "hand-over")
    to = _colleague(incident, person, "person")
    if incident.kind == "drill" and not incident.participants.filter(pk=to.pk).exists():
        raise Invalid(_("“%(name)s” does not take part in this drill.") % {"name": person}, field="person")
    body = {"ladder": ladder, "person": who(to), "may_any": access.permitted(actor, incident, "call-out")}
    return write([change(incident, actor, "hand-over", body, words={"text": note}, rev=rev)])


def answer_notification(
    *, notification: Notification, actor: User, accept: bool, reason: str = "", rev: int | None = None
) -> Notification:
    """One tap: I have it, or I cannot. It answers the message on every channel, and stops what is still to be sent."""
    if notification.recipient_id != actor.pk:
        raise NotFound(_("There is no such notification."))
    incident, now = notification.incident, db_now()
    field = "acknowledged_at" if accept else "declined_at"
    verb = "acknowledge" if accept else "decline"
    body = {"notification": notification.pk, "ladder": notification.ladder, "verb": verb, **notification.rung}
    with transaction.atomic():
        if incident.is_live:
            write([change(incident, actor, "answer", body, words={"reason": reason}, rev=rev)])
        letter = notification.same_letter().filter(acknowledged_at=None, declined_at=None)
        if not letter.filter(pk=notification.pk).update(read_at=now, state=READ, lease=None):
            raise Conflict(_("You have answered this already."), code="answered")
        letter.filter(state=QUEUED).update(state=SUPPRESSED)
        letter.update(**{field: now})
    notification.refresh_from_db()
    return notification


def redact(*, incident: Incident, actor: User, seq: int, reason: str, rev: int | None = None) -> Incident:
    """Remove the words of one entry for good. The chain still verifies, and the history says who, when and why."""
    access.require(actor, incident, "redact")
    event = Event.objects.filter(incident=incident, seq=seq).select_related("note").first()
    if event is None or event.note is None:
        raise NotFound(_("This entry has no text."))
    if event.note.redacted_at:
        raise Conflict(_("This text has been redacted already."), code="redacted")
    columns = {"title": "Redacted / 已隐去"} if event.kind == "reported" else {}
    with transaction.atomic():
        done = write(
            [change(incident, actor, "redact", {"target": seq}, words={"reason": reason}, rev=rev, columns=columns)]
        )
        Note.objects.filter(pk=event.note.pk).update(words={}, salt="", redacted_at=db_now())
        # Answers kept for repeated calls quote the incident; what is left says that the call was done.
        StoredReply.objects.filter(body__ref=incident.ref).update(body={"ref": incident.ref})
        if event.kind == "step_opened":
            StepRun.objects.filter(incident=incident, key=event.facts["key"]).update(
                title={"en": "Redacted", "zh-hans": "已隐去"}
            )
    return done
