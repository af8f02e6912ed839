"""Who may do what; the literal below is the table of docs/permissions.md. A door, not a habit: views and verbs get an
incident here or not at all."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext as _

from contactops.accounts.models import ADMIN_ROLES, Role, User
from contactops.errors import NotAllowed, NotFound
from incidents.engine import lifecycle, support
from incidents.engine.lifecycle import MAJOR
from incidents.engine.plan import key_of
from incidents.models import Incident, StepRun, Timer
from incidents.models.incident import SEES_ALL

LEADING_GROUP = "G-LEAD"


class Right(StrEnum):
    REPORT = "report"  # report, join, own receipts
    HANDLE = "handle"  # acknowledge, assess, note, own steps
    RUN = "run"  # the response: levels 3-4, any step, conditions, updates to agents, support, merge, close
    LEAD = "lead"  # levels 1-2, updates to customers, cancel, reopen, stop a promise, drills


RIGHTS: Mapping[str, frozenset[Right]] = {
    Role.AGENT: frozenset({Right.REPORT}),
    Role.LEADER: frozenset({Right.REPORT, Right.HANDLE}),
    Role.SUPERVISOR: frozenset({Right.REPORT, Right.HANDLE, Right.RUN}),
    Role.MANAGER: frozenset(Right),
    Role.MEMBER: frozenset({Right.REPORT}),
    Role.ADMINISTRATOR: frozenset({Right.REPORT}),
    Role.AUDITOR: frozenset(),
}

# Whose work is more than one incident: the board, the list, the ledger.
WATCHES = frozenset({Role.LEADER, Role.SUPERVISOR, Role.MANAGER, Role.AUDITOR, Role.ADMINISTRATOR})

# What each verb needs. Verbs that are not here depend on more than the verb: see `permitted`.
NEEDS: Mapping[str, Right] = {
    "acknowledge": Right.HANDLE,
    "assess": Right.HANDLE,
    "level/confirm": Right.LEAD,
    "conditions": Right.RUN,
    "steps": Right.RUN,
    "support": Right.RUN,
    "call-out": Right.RUN,
    "promises/extend": Right.RUN,
    "promises/pause": Right.LEAD,
    "promises/resume": Right.LEAD,
    "promises/stop": Right.LEAD,
    "command": Right.RUN,
    "close": Right.RUN,
    "merge": Right.RUN,
    "list": Right.RUN,
    "reopen": Right.LEAD,
    "cancel": Right.LEAD,
    "waive": Right.LEAD,
    "redact": Right.LEAD,
}


def rights(user: User) -> frozenset[Right]:
    """By role, and for members of the leading group those of the leading group as well."""
    own = RIGHTS.get(user.role, frozenset())
    return own | {Right.LEAD} if LEADING_GROUP in user.group_keys.values() else own


def require_report(user: User) -> None:
    if Right.REPORT not in rights(user):
        raise NotAllowed(_("Your role does not allow this."))


def require_figures(user: User) -> None:
    """Who posts figures from outside: the account of an integration, in one of these roles."""
    if user.role not in SENDERS:
        raise NotAllowed(_("Your role does not allow this."))


SENDERS = frozenset({Role.SUPERVISOR, Role.MANAGER, Role.ADMINISTRATOR})


def looks_after(user: User, site_id: int | None) -> bool:
    """Whether what belongs to this site, or to none, is this person's business."""
    return user.role in SEES_ALL or site_id is None or site_id in user.own_site_ids


def decides_on_warnings(user: User) -> bool:
    """Watch, dismiss, report: who runs a response, and the leading group."""
    return acts(user) and bool(rights(user) & _ANY_WORD)


def require_warnings(user: User) -> None:
    if not decides_on_warnings(user):
        raise NotAllowed(_("Your role does not allow this."))


def sets_thresholds(user: User) -> bool:
    """Feeds, and the limits on their figures."""
    return Right.RUN in rights(user)


def require_thresholds_at_all(user: User) -> None:
    if not sets_thresholds(user):
        raise NotAllowed(_("Your role does not allow this."))


def require_thresholds(user: User, *site_ids: int | None) -> None:
    """What counts for all sites is set by those who see them all."""
    every = user.role in SEES_ALL or all(site is not None and looks_after(user, site) for site in site_ids)
    if not sets_thresholds(user) or not every:
        raise NotAllowed(_("You can change the feeds and rules of your own site only."))


def incident_for(user: User, ref: str) -> Incident:
    """The incident, or NotFound: what one may not see does not exist."""
    rows = Incident.objects.visible_to(user).select_related("type", "site", "commander", "merged_into")
    incident = rows.filter(ref=ref).first()
    if incident is None:
        raise NotFound(_("There is no such incident, or you may not see it."))
    return incident


def require_console(user: User) -> None:
    """Running the console itself is the administrator's; the auditor looks."""
    if user.role != Role.ADMINISTRATOR:
        raise NotAllowed(_("Your role does not allow this."))


def require_ledger(user: User) -> None:
    """Whoever watches more than one incident may read the promises of all they can see."""
    if user.role not in WATCHES:
        raise NotAllowed(_("Your role does not allow this."))


def owns(user: User, step: StepRun) -> bool:
    """A step is somebody's own when it was given to them or to a group they are in."""
    return step.assignee_id == user.pk or (step.group_id is not None and step.group_id in user.group_keys)


def permitted(user: User, incident: Incident, verb: str, body: Mapping[str, Any] | None = None) -> bool:
    """Whether this person may use the verb in this incident they can see. Without a body: whether in any way at all."""
    has, body = rights(user), body or {}
    if not acts(user):
        return False
    if verb in NEEDS:
        return NEEDS[verb] in has
    if verb in ("notes", "hand-over"):
        return Right.HANDLE in has or _is_called(user, incident)
    if verb == "activate":
        return _activation_permitted(has, incident, body)
    if verb == "level":
        return _level_permitted(has, incident, body.get("level"))
    if verb == "stand-down":
        return (Right.LEAD if incident.level in MAJOR else Right.RUN) in has
    if verb in ("updates", "cadence"):
        return bool(has & _SPEAKS.get(body.get("audience", ""), _ANY_WORD))
    if verb == "support/people":
        return Right.RUN in has or speaks_for_themselves(user, incident, body)
    raise KeyError(verb)


_ANY_WORD = frozenset({Right.RUN, Right.LEAD})
_SPEAKS: Mapping[str, frozenset[Right]] = {
    "agents": frozenset({Right.RUN}),
    "customers": frozenset({Right.LEAD}),
    "all": frozenset({Right.LEAD}),
}


def _is_called(user: User, incident: Incident) -> bool:
    return incident.called.filter(pk__in=user.group_keys).exists()


def _activation_permitted(has: frozenset[Right], incident: Incident, body: Mapping[str, Any]) -> bool:
    """A further plan never lowers the level; one that replaces the others may, and then needs what lowering needs."""
    level = body.get("level")
    if level is None or level in MAJOR:
        return bool(has & {Right.RUN, Right.LEAD})
    return Right.RUN in has and (not body.get("replace") or _level_permitted(has, incident, level))


def _level_permitted(has: frozenset[Right], incident: Incident, level: int | None) -> bool:
    """A supervisor's level 1-2 takes effect at once, unconfirmed. The leading group may lower it, confirmed or not."""
    if level is None:
        return bool(has & {Right.RUN, Right.LEAD})
    if Right.LEAD in has:
        return level in MAJOR or incident.level in MAJOR or Right.RUN in has
    lowered = incident.level is not None and level > incident.level
    return Right.RUN in has and not (lowered and incident.level in MAJOR and incident.level_is_confirmed)


def confirms(user: User) -> bool:
    """Whether levels 1-2 chosen by this person need nobody else's word."""
    return Right.LEAD in rights(user)


def step_permitted(user: User, step: StepRun, verb: str) -> bool:
    """Any step for those who run the response, own steps for the rest; a reserved decision for the leading group."""
    has = rights(user)
    if not acts(user):
        return False
    if step.reserved and verb != "start":  # nor is it taken away from those for whom it is reserved
        return Right.LEAD in has
    return Right.RUN in has or owns(user, step)


def acts(user: User) -> bool:
    """Whether this person has a part in incidents. Auditors look; an administrator runs the system."""
    return user.role not in (Role.AUDITOR, Role.ADMINISTRATOR)


def runs_the_system(user: User) -> bool:
    """People, sites, channels: the administrators' business."""
    return user.role == Role.ADMINISTRATOR


def require_settings(user: User) -> None:
    if not runs_the_system(user):
        raise NotAllowed(_("Your role does not allow this."))


def require_settings_read(user: User) -> None:
    if user.role not in ADMIN_ROLES:
        raise NotAllowed(_("Your role does not allow this."))


def require(user: User, incident: Incident, verb: str, body: Mapping[str, Any] | None = None) -> None:
    if not permitted(user, incident, verb, body):
        raise NotAllowed(_("Your role does not allow this."))


def require_promise(user: User, promise: Timer) -> None:
    """A decision that is reserved for the leading group is not put off by those whose decision it is not."""
    step = promise.action.removeprefix("overdue:")
    reserved = StepRun.objects.filter(incident=promise.incident_id, step_id=key_of(promise.plan, step), reserved=True)
    if Right.LEAD not in rights(user) and promise.action.startswith("overdue:") and reserved.exists():
        raise NotAllowed(_("Your role does not allow this."))


def require_step(user: User, step: StepRun, verb: str) -> None:
    if not step_permitted(user, step, verb):
        raise NotAllowed(_("This step belongs to another group."))


def allowed(user: User, incident: Incident) -> list[str]:
    """The verbs this person may use now, in the order of the table of moves."""
    offered = [verb for verb in OFFERED if verb in lifecycle.legal(incident.status)]
    return [verb for verb in offered if permitted(user, incident, verb) and _makes_sense(incident, verb)]


OFFERED = (
    *("acknowledge", "assess", "activate", "level", "level/confirm", "conditions", "steps", "support", "updates"),
    *("cadence", "notes", "command", "call-out", "hand-over", "stand-down", "close", "reopen", "cancel", "merge"),
    "support/people",
)


def _makes_sense(incident: Incident, verb: str) -> bool:
    state = incident.facts
    if verb == "level/confirm":
        return incident.level in MAJOR and not incident.level_is_confirmed
    if verb == "stand-down":
        return not state.holds("stood_down")
    if verb == "cadence":
        return state.holds("activated") and not state.holds("stood_down")
    if verb == "call-out":
        return any(activation.n for activation in state.live_activations)
    if verb == "hand-over":
        return any(state.holds(f"{fact}:{ladder}") for ladder in state.callouts for fact in ("callout", "held"))
    if verb == "reopen":
        return incident.outcome != "duplicate"
    if verb == "level":
        return incident.level is not None
    if verb == "support/people":
        return any(state.holds(f"tier:{tier}") for tier in support.TIERS)
    return True


# What a person who was asked to help can say of themselves, whatever their role.
ANSWERS = frozenset({"confirmed", "declined", "joined", "released"})


def speaks_for_themselves(user: User, incident: Incident, body: Mapping[str, Any]) -> bool:
    """Whether somebody who was asked says something of themselves and of nobody else. Without a body: whether they were."""
    if not body:
        return was_asked(user, incident)
    mine = list(body["people"]) == [user.username] and not body.get("group") and body["status"] in ANSWERS
    return mine and was_asked(user, incident, body["tier"])


def was_asked(user: User, incident: Incident, *tiers: int) -> bool:
    """Whether somebody was ever asked to help in this incident; in one of these tiers, where some are named."""
    state, person = incident.facts, f"user:{user.pk}"
    return any(person in support.marks_of(state, tier) for tier in tiers or support.TIERS)


def incident_to_help_in(user: User, ref: str) -> Incident:
    """For whoever may see it, and for those who were asked to help: an agent sees no incident, and answers all the same."""
    rows = Incident.objects.select_related("type", "site", "commander", "merged_into")
    incident = rows.filter(ref=ref).first()
    return incident if incident and was_asked(user, incident) else incident_for(user, ref)


def sees(user: User, incident: Incident) -> bool:
    return Incident.objects.visible_to(user).filter(pk=incident.pk).exists()
