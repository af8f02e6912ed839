"""What people see of warnings and do with them: on the board, on their page, and in the report that comes of one."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import BooleanField, Count, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from contactops.accounts.models import User
from contactops.errors import Conflict, NotFound
from incidents import access, hints
from incidents.models import Feed, Gauge, Incident, Warning, WarningRule
from incidents.models.signals import ABOVE, CLEARED, DISMISSED, OPEN, REPORTED
from incidents.times import db_now
from plans.models import Group
from plans.texts import say

SHOWN = 20  # on the board; the page shows all
COUNTED = timedelta(days=90)  # for the rate of false alarms


@dataclass(frozen=True)
class Strip:
    """What the board says above everything else: what is being warned of, and who has gone silent."""

    warnings: list["Shown"]
    stale: list[Feed]
    can_decide: bool
    now: datetime


@dataclass(frozen=True)
class Shown:
    """A warning, with the figure as it is now."""

    row: Warning
    figure: Gauge | None
    owner: str

    @property
    def is_silent(self) -> bool:
        return self.row.rule.lost


def strip(user: User, site: str = "", now: datetime | None = None) -> Strip:
    """Of one site, or of all that this person may see. One query while there is nothing to say, four otherwise."""
    now = now or db_now()
    open_there = Exists(Warning.objects.filter(rule__feed=OuterRef("pk"), state=OPEN))
    mine = Q(pk__in=Feed.objects.visible_to(user).filter(_of_site("site", site)).values("pk"))
    silent = ExpressionWrapper(mine & Q(enabled=True, last_seen_at__lt=now - F("stale_after")), BooleanField())
    feeds = Feed.objects.annotate(open_there=open_there, silent=silent).filter(Q(silent=True) | Q(open_there=True))
    found: list[Shown] = []
    if any(feed.open_there for feed in feeds):
        found = shown(rows(user).filter(_of_site("rule__site", site), state=OPEN)[:SHOWN])
    return Strip(found, [feed for feed in feeds if feed.silent], access.decides_on_warnings(user), now)


def _of_site(path: str, code: str) -> Q:
    return Q(**{f"{path}__code": code}) | Q(**{path: None}) if code else Q()


def rows(user: User) -> QuerySet[Warning]:
    """The warnings a person may see, with what is said of them."""
    named = ("rule__feed", "rule__site", "rule__incident_type", "incident", "watched_by", "decided_by")
    return Warning.objects.visible_to(user).select_related(*named)


def shown(warnings: Iterable[Warning]) -> list[Shown]:
    """With their figures and the names of their groups. Two queries, none for nothing."""
    known = list(warnings)
    if not known:
        return []
    figures = {(one.feed_id, one.metric): one for one in Gauge.objects.filter(feed__in={w.rule.feed_id for w in known})}
    names = group_names({row.rule.owner for row in known})
    return [
        Shown(row, figures.get((row.rule.feed_id, row.metric)), group_name(names, row.rule.owner, row.rule.site_id))
        for row in known
    ]


Names = Mapping[tuple[str, int | None], str]


def group_names(keys: Collection[str]) -> Names:
    return {(group.key, group.site_id): say(group.name) for group in Group.objects.filter(key__in=keys)}


def group_name(names: Names, key: str, site: int | None) -> str:
    """The site's own group goes before the organisation's."""
    return names.get((key, site)) or names.get((key, None)) or key


@dataclass(frozen=True)
class FeedView:
    """A feed with its metrics. `state`: off, unconnected, stale, live."""

    row: Feed
    gauges: list[Gauge]
    state: str

    @property
    def is_new(self) -> bool:
        """It sends figures and nobody has said yet what it is."""
        return bool(self.row.name == {"en": self.row.slug})


@dataclass(frozen=True)
class RuleView:
    row: WarningRule
    owner: str
    figure: Gauge | None
    warned: int
    false: int


@dataclass(frozen=True)
class Rate:
    """Of the warnings of the last 90 days: how many somebody decided on, how many of these were false alarms (dismissed, or
    their incident closed as one), how many passed before anybody did."""

    decided: int
    false: int
    passed: int

    @property
    def share(self) -> float | None:
        return self.false / self.decided if self.decided else None


@dataclass(frozen=True)
class Page:
    open: list[Shown]
    rate: Rate
    feeds: list[FeedView]
    rules: list[RuleView]


def page(user: User, now: datetime) -> Page:
    """All there is to see; the number of queries does not depend on how much that is."""
    rules = list(WarningRule.objects.visible_to(user).select_related("feed", "site", "incident_type"))
    feeds = list(Feed.objects.visible_to(user).select_related("site"))
    gauges = list(Gauge.objects.filter(feed__in=feeds))
    counted = _counted(user, now)
    names = group_names({rule.owner for rule in rules})
    figures = {(one.feed_id, one.metric): one for one in gauges}
    return Page(
        open=shown(rows(user).filter(state=OPEN)),
        rate=_rate(counted.values()),
        feeds=[FeedView(feed, [g for g in gauges if g.feed_id == feed.pk], feed_state(feed, now)) for feed in feeds],
        rules=[
            RuleView(
                rule,
                group_name(names, rule.owner, rule.site_id),
                figures.get((rule.feed_id, rule.metric)),
                sum(counted.get(rule.pk, {}).values()) - counted.get(rule.pk, {}).get("false", 0),
                counted.get(rule.pk, {}).get("false", 0),
            )
            for rule in rules
        ],
    )


def feed_state(feed: Feed, now: datetime) -> str:
    if not feed.enabled:
        return "off"
    if feed.last_seen_at is None:
        return "unconnected"
    return "stale" if feed.is_stale(now) else "live"


def past(user: User) -> QuerySet[Warning]:
    return rows(user).exclude(state=OPEN)


_FALSE = Q(state=DISMISSED) | Q(state=REPORTED, incident__outcome="false-alarm")
Counted = dict[int, dict[str, int]]


def _counted(user: User, now: datetime) -> Counted:
    """By rule: open, reported, dismissed, cleared; and how many of these were false."""
    recent = Warning.objects.visible_to(user).filter(opened_at__gte=now - COUNTED).order_by().values("rule")
    states = {state: Count("pk", filter=Q(state=state)) for state in (OPEN, REPORTED, DISMISSED, CLEARED)}
    found = recent.annotate(**states, false=Count("pk", filter=_FALSE))
    return {row["rule"]: {name: row[name] for name in (*states, "false")} for row in found}


def _rate(counted: Collection[dict[str, int]]) -> Rate:
    return Rate(
        decided=sum(row[REPORTED] + row[DISMISSED] for row in counted),
        false=sum(row["false"] for row in counted),
        passed=sum(row[CLEARED] for row in counted),
    )


def warning_for(user: User, pk: int) -> Warning:
    """The warning, or NotFound: what one may not see does not exist."""
    found = rows(user).filter(pk=pk).first()
    if found is None:
        raise NotFound(_("There is no such warning, or you may not see it."))
    return found


def watch(*, warning: Warning, actor: User) -> Warning:
    """Somebody keeps an eye on it; it stays open."""
    return _decide(warning, actor, watched_by=actor, watched_at=db_now())


def dismiss(*, warning: Warning, actor: User, reason: str) -> Warning:
    """It means nothing, and here is why. The same crossing does not warn again."""
    return _decide(warning, actor, state=DISMISSED, decided_by=actor, decided_at=db_now(), reason=reason)


def _decide(warning: Warning, actor: User, **values: Any) -> Warning:
    access.require_warnings(actor)
    still = Warning.objects.filter(pk=warning.pk, state=OPEN)
    if not still.update(**values, changed_at=db_now()):
        raise Conflict(_("This warning is not open any more."), code="decided")
    hints.board_changed()
    return warning_for(actor, warning.pk)


def report(*, warning: int, actor: User, incident: Incident) -> None:
    """A report came of the warning; they know of each other from now on. In the report's transaction."""
    access.require_warnings(actor)
    row = warning_for(actor, warning)
    values = {"state": REPORTED, "incident": incident, "decided_by": actor, "decided_at": db_now()}
    undecided = Warning.objects.filter(pk=row.pk, state__in=(OPEN, CLEARED))
    if not undecided.update(**values, changed_at=values["decided_at"]):
        row = warning_for(actor, warning)
        if row.incident is None:
            raise Conflict(_("This warning was dismissed. Report it without the warning."), code="decided")
        text = _("This warning has been reported already, as %(ref)s. Add your report to that one.")
        raise Conflict(text % {"ref": row.incident.ref}, code="decided")
    hints.board_changed()


def prefilled(warning: Warning) -> dict[str, Any]:
    """What a report of it says, in the words of the report."""
    rule = warning.rule
    began = timezone.localtime(warning.since)
    summary = _("%(title)s: %(value)s since %(time)s")
    said = {"title": say(rule.title), "value": number(warning.value), "time": f"{began:%H:%M}"}
    return {
        "warning": warning.pk,
        "incident_type": rule.incident_type.slug if rule.incident_type else "",
        "site": rule.site.code if rule.site else "",
        "scope": "site" if rule.site else "",
        "summary": (summary % said)[:200],
        "details": _("%(feed)s, %(metric)s: %(limit)s.")
        % {"feed": say(rule.feed.name), "metric": warning.metric, "limit": limit_words(warning)},
        "occurred_at": warning.since,
    }


def number(value: float) -> str:
    return f"{value:.10g}"


def limit_words(one: Warning | WarningRule) -> str:
    """More than 40 for 5 min."""
    bound = one.limit if isinstance(one, Warning) else one.value
    words = _("more than %(n)s") if one.direction == ABOVE else _("fewer than %(n)s")
    limit = words % {"n": number(bound)}
    minutes = one.held_for.total_seconds() / 60
    if not minutes:
        return limit
    return _("%(limit)s for %(m)s min") % {"limit": limit, "m": number(minutes)}


def of_incident(incident: Incident, user: User) -> Sequence[Warning]:
    """The warnings that an incident came of. One query."""
    return list(rows(user).filter(incident=incident))
