"""From figures to warnings and conditions: each limit is judged when figures come in, and by the clock when time alone
decides. Only a crossing is written down, in a warning or as an event of a live incident."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from contactops.errors import DomainError
from incidents import hints
from incidents.engine.crossing import BEGUN, OVER, Limit, Moved, Watch, next_look, walk
from incidents.engine.lifecycle import Refusal
from incidents.models import Gauge, Incident, Note, Signal, Steering, Warning, WarningRule
from incidents.models.signals import ABOVE, ALERT, CLEARED, OPEN, RuleQuerySet
from incidents.record import Change, record
from incidents.rulebook import Rulebook, in_force
from incidents.times import MS, db_now, moment, ms, optional, raise_if_lost

log = logging.getLogger(__name__)

Metric = tuple[int, str]  # a feed's primary key and the name of a metric
Figures = list[tuple[int, float]]  # (time, value)

READ_BACK = timedelta(minutes=10)  # beyond twice what a limit has to be held, where its figures are read anew
READ_AT_MOST = 20_000
STATE = ["seen_at", "last_value", "since", "holds", "lost", "moved_at", "rests_until", "look_at"]


def judge_metrics(fresh: Mapping[Metric, Figures]) -> None:
    """Hold these new figures, which are stored already, against the limits on their metrics. In a transaction."""
    feeds, metrics = {feed for feed, _metric in fresh}, {metric for _feed, metric in fresh}
    rules = _locked().filter(feed__in=feeds, metric__in=metrics)
    judge([rule for rule in rules if (rule.feed_id, rule.metric) in fresh], fresh, db_now())


def _locked() -> RuleQuerySet:
    rows = WarningRule.objects.select_for_update(of=("self",)).select_related("feed")
    return rows.filter(enabled=True, feed__enabled=True).order_by("pk")


def judge(rules: Sequence[WarningRule], fresh: Mapping[Metric, Figures], now: datetime) -> None:
    """Bring these rules, which are locked, up to now. The number of queries depends on neither rules nor figures."""
    late = [rule for rule in rules if _is_read_anew(rule, fresh.get((rule.feed_id, rule.metric), []))]
    stored = _stored(late)
    done = [_judged(rule, stored.get(rule.pk), fresh.get((rule.feed_id, rule.metric), []), ms(now)) for rule in rules]
    moved = [one for one in done if one.is_changed]
    WarningRule.objects.bulk_update([one.rule for one in moved], STATE)
    opened = [warning for one in done for warning in one.opened(now)]
    Warning.objects.bulk_create(opened, ignore_conflicts=True)
    if late:
        _open_again(opened, now)
    over = [one.rule.pk for one in done if one.was_over]
    if over:
        when = Coalesce(Subquery(WarningRule.objects.filter(pk=OuterRef("rule")).values("moved_at")), now)
        Warning.objects.filter(rule__in=over, over_at=None).update(over_at=when, changed_at=now)
        Warning.objects.filter(rule__in=over, state=OPEN).exclude(over_at=None).update(state=CLEARED)
    if any(one.told for one in done):
        hints.board_changed()


def _open_again(opened: Sequence[Warning], now: datetime) -> None:
    """A crossing that was warned of before its rule was switched off or changed, and that goes on, warns again."""
    same = Q(pk__in=())
    for warning in opened:
        same |= Q(rule=warning.rule_id, since=warning.since)
    others = Exists(Warning.objects.filter(rule=OuterRef("rule"), state=OPEN))
    closed = Warning.objects.filter(same, ~others, state=CLEARED, rule__holds=True)
    closed.update(state=OPEN, over_at=None, changed_at=now)


def _is_read_anew(rule: WarningRule, figures: Figures) -> bool:
    """One that was never judged, or a hold that was not told yet and to which late figures have something to say."""
    if rule.seen_at is None:
        return True
    return not rule.holds and any(at <= ms(rule.seen_at) for at, _value in figures)


def _stored(rules: Sequence[WarningRule]) -> dict[int, Figures]:
    """The figures of the last while by rule; at least the newest one, which is kept when the others are gone. Two queries."""
    if not rules:
        return {}
    found: dict[Metric, Figures] = {}
    newest: dict[Metric, Gauge] = {}
    for one in Gauge.objects.filter(feed__in={rule.feed_id for rule in rules}):
        newest[one.feed_id, one.metric] = one
    wanted = Q(pk__in=())
    for rule in rules:
        if gauge := newest.get((rule.feed_id, rule.metric)):
            found[rule.feed_id, rule.metric] = [(ms(gauge.at), gauge.value)]
            back = rule.held_for * 2 + READ_BACK
            wanted |= Q(feed=rule.feed_id, metric=rule.metric, at__gte=gauge.at - back, at__lt=gauge.at)
    rows = Signal.objects.filter(wanted).order_by("-at").values_list("feed", "metric", "at", "value")[:READ_AT_MOST]
    for feed, metric, at, value in rows:
        found[feed, metric].append((ms(at), value))
    return {rule.pk: found.get((rule.feed_id, rule.metric), [])[::-1] for rule in rules}


@dataclass(frozen=True)
class _Judged:
    rule: WarningRule
    told: tuple[Moved, ...]
    was_over: bool  # a crossing that may have been told before is over
    is_changed: bool

    def opened(self, now: datetime) -> list[Warning]:
        """A warning for each crossing that was told; one of a batch may be over by the time it is known."""
        if self.rule.steers:
            return []
        made: list[Warning] = []
        for one in self.told:
            if one.kind == BEGUN:
                made.append(_warning(self.rule, one, now))
            elif one.kind == OVER and made:
                made[-1].state, made[-1].over_at = CLEARED, moment(one.at)
        return made


def _judged(rule: WarningRule, stored: Figures | None, fresh: Figures, now: int) -> _Judged:
    limit, watch = limit_of(rule), watch_of(rule)
    before = watch
    if stored is None:
        figures = sorted(one for one in fresh if watch.seen is None or one[0] > watch.seen)
    else:  # what was so on the way is past: only how it stands now is told
        figures, watch = stored, Watch(rests_until=watch.rests_until)
    figures = [*figures, *_repeated(rule, watch, figures or fresh)]
    watch, told = walk(limit, watch, figures, max(now, figures[-1][0] if figures else 0))
    if stored is not None:
        told = tuple(one for one in told if one.kind == BEGUN)[-1:] if watch.holds else ()
    was_over = any(one.kind == OVER for one in told) if stored is None else not watch.holds
    look = optional(next_look(limit, watch))
    changed = watch != before or look != rule.look_at
    _keep(rule, watch, look)
    return _Judged(rule, told, was_over, changed)


def _repeated(rule: WarningRule, watch: Watch, figures: Figures) -> Figures:
    """A monitor that repeats an alert says, under the time at which it began, that it is still on now."""
    heard = rule.feed.last_seen_at
    last, value = max(figures) if figures else (watch.seen, watch.value)
    if not rule.metric.startswith(ALERT) or heard is None or value is None:
        return []
    after = max(last or 0, watch.seen or 0)
    return [(ms(heard), value)] if ms(heard) > after else []


def limit_of(rule: WarningRule) -> Limit:
    silent = rule.feed.stale_after
    return Limit(
        above=rule.direction == ABOVE,
        bound=rule.value,
        clear=rule.clear_value,
        held_for=rule.held_for // MS,
        rest=rule.cool_down // MS,
        silent_after=silent // MS if silent else None,
    )


def watch_of(rule: WarningRule) -> Watch:
    return Watch(
        seen=_ms(rule.seen_at),
        value=rule.last_value,
        since=_ms(rule.since),
        holds=rule.holds,
        lost=rule.lost,
        moved=_ms(rule.moved_at),
        rests_until=_ms(rule.rests_until),
    )


def _ms(at: datetime | None) -> int | None:
    return None if at is None else ms(at)


def _keep(rule: WarningRule, watch: Watch, look: datetime | None) -> None:
    rule.seen_at, rule.last_value = optional(watch.seen), watch.value
    rule.since, rule.holds, rule.lost = optional(watch.since), watch.holds, watch.lost
    rule.moved_at, rule.rests_until, rule.look_at = optional(watch.moved), optional(watch.rests_until), look


def forget(rule: WarningRule) -> None:
    """What was known under other limits; the clock reads the figures anew. One that is switched off says nothing more."""
    _keep(rule, Watch(), None)
    rule.moved_at = db_now()
    rule.look_at = rule.moved_at if rule.enabled and rule.feed.enabled else None


def _warning(rule: WarningRule, told: Moved, now: datetime) -> Warning:
    assert told.since is not None
    assert told.value is not None
    return Warning(
        rule=rule,
        since=moment(told.since),
        opened_at=now,
        metric=rule.metric,
        direction=rule.direction,
        limit=rule.value,
        held_for=rule.held_for,
        value=told.value,
        changed_at=now,
    )


# A rule that steers, and a live incident at its site to which it has something to say that it has not said yet.
_UNSAID = """
FROM incidents_warningrule r
JOIN incidents_incident i ON i.status = 'responding' AND i.kind = 'real' AND (r.site_id IS NULL OR i.site_id = r.site_id)
LEFT JOIN incidents_steering s ON s.rule_id = r.id AND s.incident_id = i.id
WHERE r.condition <> ''
  AND ((r.holds AND NOT r.lost) <> coalesce(s.holds, false) OR r.lost <> coalesce(s.lost, false)
       OR (s.revision_id IS DISTINCT FROM i.revision_id AND (r.holds OR r.lost)))
"""
_DUE = "SELECT FROM incidents_warningrule WHERE look_at <= app_now()"
ANYTHING = f"SELECT EXISTS ({_DUE}), EXISTS (SELECT {_UNSAID})"
_PAIRS = f"SELECT r.id, i.id {_UNSAID} ORDER BY i.id, r.id LIMIT %s"
AT_ONCE = 200  # of each, in one look


def look() -> None:
    """What the clock has to do here, as a rule nothing. One query then."""
    with connection.cursor() as cursor:
        cursor.execute(ANYTHING)
        due, unsaid = cursor.fetchone()
    if due:
        with transaction.atomic():
            now = db_now()
            rules = WarningRule.objects.select_for_update(of=("self",), skip_locked=True).select_related("feed")
            judge(list(rules.filter(look_at__lte=now).order_by("pk")[:AT_ONCE]), {}, now)
    if due or unsaid:
        steer()


def steer() -> None:
    """Say in live incidents what rules make of their conditions. Incidents that somebody writes to come next time."""
    pairs = _unsaid()
    if not pairs:
        return
    rules = {rule.pk: rule for rule in WarningRule.objects.select_related("feed").filter(pk__in={r for r, _i in pairs})}
    incidents = Incident.objects.in_bulk({i for _r, i in pairs})
    book = Rulebook({pair for incident in incidents.values() for pair in in_force(incident.facts)})
    said = [_Said(rules[r], incidents[i], book) for r, i in pairs]
    try:
        _say(said)
    except (Refusal, DomainError) as error:
        log.warning("conditions could not be set together (%s); one incident at a time", error)
        for one in said:
            _say_alone(one)


def _unsaid() -> list[tuple[int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(_PAIRS, [AT_ONCE])
        return list(cursor.fetchall())


class _Said:
    """What one rule has to say in one incident."""

    def __init__(self, rule: WarningRule, incident: Incident, book: Rulebook) -> None:
        self.rule, self.incident = rule, incident
        live = [a for a in incident.facts.live_activations if a.n]
        self.declared = {name for a in live for name in book.rules[a.plan, a.revision].plan.conditions}

    @property
    def steering(self) -> Steering:
        rule = self.rule
        return Steering(
            rule=rule,
            incident=self.incident,
            revision_id=self.incident.revision_id,
            holds=rule.holds and not rule.lost,
            lost=rule.lost,
        )

    def changes(self, *, now: bool = False) -> list[Change]:
        """`now`: without saying since when, where the history has something against it."""
        rule = self.rule
        both = ((rule.condition, rule.holds and not rule.lost), (rule.lost_condition, rule.lost))
        # The end of what holds comes before the beginning of what holds instead.
        ordered = sorted(both, key=lambda one: one[1])
        return [self._change(name, holds, now) for name, holds in ordered if self._is_news(name, holds)]

    def _is_news(self, name: str, holds: bool) -> bool:
        return name in self.declared and self.incident.facts.holds(f"condition:{name}") != holds

    def _change(self, name: str, holds: bool, now: bool) -> Change:
        """A crossing counts from its own time, though not from before the plan was active."""
        rule, state = self.rule, self.incident.facts
        at = rule.since if holds and name == rule.condition else rule.moved_at
        began = state.fact(f"condition:{name}") or state.fact("activated")
        since = max(ms(at), began.since if began else 0) if at and not now else None
        note = Note.of(self.incident, None, {"text": _figure(rule)})
        return Change(self.incident.pk, "conditions", "system", since, {"name": name, "holds": holds}, note)


def _figure(rule: WarningRule) -> str:
    """The figure behind a condition, without words, since it is read in two languages."""
    sign = ">" if rule.direction == ABOVE else "<"
    value = "?" if rule.lost or rule.last_value is None else f"{rule.last_value:.10g}"
    return f"{rule.feed.slug}: {rule.metric} = {value} ({sign} {rule.value:.10g})"


def _say(said: Sequence[_Said], *, now: bool = False) -> None:
    with transaction.atomic():
        changes = [change for one in said for change in one.changes(now=now)]
        written = record(changes, skip_locked=True) if changes else {}
        waiting = {change.incident_id for change in changes} - set(written)
        rows = [one.steering for one in said if one.incident.pk not in waiting]
        Steering.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["rule", "incident"],
            update_fields=["revision", "holds", "lost"],
        )


def _say_alone(one: _Said) -> None:
    """Whatever an incident has against it is not in the way of the others."""
    for now in (False, True):
        try:
            return _say([one], now=now)
        except (Refusal, DomainError) as error:
            log.warning("%s: %s is not said (%s)", one.incident, one.rule.condition, error)
        except Exception as error:
            raise_if_lost(error)
            log.exception("%s: %s could not be said", one.incident, one.rule.condition)
    one_row = one.steering
    Steering.objects.update_or_create(
        rule=one_row.rule,
        incident=one_row.incident,
        defaults={"revision_id": one_row.revision_id, "holds": one_row.holds, "lost": one_row.lost},
    )
