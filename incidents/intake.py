"""Figures come in: looked up, stored, held against the limits. The same figure again changes nothing; one from the future is
refused, because no clock could be trusted with it."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from contactops.accounts.models import User
from contactops.errors import Conflict, Invalid, NotFound
from incidents import access, alertmanager, watching
from incidents.engine.decide import SKEW_MS
from incidents.models import Feed
from incidents.times import MS, db_now, ms
from plans.models import Site

log = logging.getLogger(__name__)

AT_ONCE = 1_000
FEEDS = 500  # more sources than this are a mistake in somebody's script
TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class Taken:
    """How many figures a call brought, how many of them were new, and from which sources nothing had come before."""

    received: int
    stored: int
    known: int
    new_feeds: Sequence[str] = ()


@dataclass(frozen=True)
class Figure:
    """One figure as it was sent; without a time it is from now."""

    feed: str
    metric: str
    value: float
    at: datetime | None = None
    site: str = ""


def take(*, actor: User, figures: Sequence[Figure]) -> Taken:
    """Store figures and judge what they say. All are taken or none; nothing waits for it but the sender."""
    access.require_figures(actor)
    now = db_now()
    _not_ahead(actor, figures, now)
    with transaction.atomic():
        feeds, new = _feeds(actor, figures)
        rows = [(feeds[one.feed].pk, one.metric, one.value, one.at or now + TICK * n) for n, one in enumerate(figures)]
        taken = _stored(rows, now)
    watching.steer()
    return Taken(len(figures), taken, len(figures) - taken, new)


def take_alerts(*, actor: User, feed: str, alerts: alertmanager.Alerts) -> Taken:
    """What a monitor says of its alerts. Which of them are on is kept with the feed, whose row is locked meanwhile."""
    access.require_figures(actor)
    now = db_now()
    times = [Figure(feed, alert["labels"]["alertname"], 1, _when(alert)) for alert in alerts]
    _not_ahead(actor, times, now)
    with transaction.atomic():
        known, new = _feeds(actor, [Figure(feed, "", 0)])
        row = Feed.objects.select_for_update().get(pk=known[feed].pk)
        found, row.firing = alertmanager.figures(alerts, row.firing)
        row.save(update_fields=["firing"])
        taken = _stored([(row.pk, metric, value, at) for metric, value, at in found], now, heard=[row.pk])
    watching.steer()
    return Taken(len(found), taken, len(found) - taken, new)


def _when(alert: Mapping[str, Any]) -> datetime:
    at: datetime = alert["startsAt" if alert["status"] == alertmanager.FIRING else "endsAt"]
    return at


def _not_ahead(actor: User, figures: Sequence[Figure], now: datetime) -> None:
    latest = now + SKEW_MS * MS
    ahead = [n for n, one in enumerate(figures) if one.at and one.at > latest]
    if not ahead:
        return
    first = figures[ahead[0]]
    log.warning(
        "%s of %s figures from %s are from the future and were refused, the first from %s at %s",
        len(ahead), len(figures), actor.username, first.feed, first.at,
    )  # fmt: skip
    text = _(
        "“%(metric)s” (number %(n)s) is from the future: %(at)s. Nothing of this call was taken. Set the clock right."
    )
    raise Invalid(text % {"metric": first.metric, "n": ahead[0] + 1, "at": first.at}, field="at")


def _feeds(actor: User, figures: Sequence[Figure]) -> tuple[dict[str, Feed], list[str]]:
    """The feeds by slug. A source nobody has described yet becomes a feed of the site it says: a figure is not lost because
    a form was not filled in, and the page shows that nobody has described it."""
    wanted = {one.feed: one.site for one in reversed(figures)}
    known = {feed.slug: feed for feed in Feed.objects.select_related("site").filter(slug__in=wanted)}
    new = [slug for slug in wanted if slug not in known]
    if new:
        known |= _described_later(actor, {slug: wanted[slug] for slug in new})
    for slug, site in wanted.items():
        _may_speak(actor, known[slug], site)
    return known, new


def _described_later(actor: User, wanted: Mapping[str, str]) -> dict[str, Feed]:
    if Feed.objects.count() + len(wanted) > FEEDS:
        raise Invalid(_("There are too many feeds already."), field="feed")
    codes = {code for code in wanted.values() if code}
    sites = {site.code: site for site in Site.objects.filter(code__in=codes)}
    if missing := sorted(codes - set(sites)):
        raise Invalid(_("There is no site “%(code)s”.") % {"code": missing[0]}, field="site")
    made = [
        Feed(slug=slug, name={"en": slug}, site=sites[code] if code else actor.site) for slug, code in wanted.items()
    ]
    Feed.objects.bulk_create(made, ignore_conflicts=True)
    log.warning("%s sends figures from feeds nobody has described: %s", actor.username, ", ".join(sorted(wanted)))
    return {feed.slug: feed for feed in Feed.objects.select_related("site").filter(slug__in=wanted)}


def _may_speak(actor: User, feed: Feed, site: str) -> None:
    if not access.looks_after(actor, feed.site_id):
        raise NotFound(_("There is no feed “%(slug)s” that you may speak for.") % {"slug": feed.slug})
    if site and (feed.site is None or feed.site.code != site):
        raise Invalid(_("The feed “%(slug)s” is not one of that site.") % {"slug": feed.slug}, field="site")
    if not feed.enabled:
        raise Conflict(_("The feed “%(slug)s” is switched off.") % {"slug": feed.slug}, code="off")


# In the order of the key, so that two calls with the same figures wait for each other instead of locking each other out.
_INSERT = """
INSERT INTO incidents_signal (feed_id, metric, value, at, received_at)
SELECT feed, metric, value, at, %s FROM unnest(%s::bigint[], %s::text[], %s::float8[], %s::timestamptz[])
       AS sent (feed, metric, value, at) ORDER BY feed, metric, at
ON CONFLICT (feed_id, metric, at) DO NOTHING RETURNING feed_id, metric, value, at
"""
_NEWEST = """
INSERT INTO incidents_gauge (feed_id, metric, value, at)
SELECT DISTINCT ON (feed, metric) feed, metric, value, at
FROM unnest(%s::bigint[], %s::text[], %s::float8[], %s::timestamptz[]) AS sent (feed, metric, value, at)
ORDER BY feed, metric, at DESC
ON CONFLICT (feed_id, metric) DO UPDATE SET value = excluded.value, at = excluded.at WHERE excluded.at > incidents_gauge.at
"""

Row = tuple[int, str, float, datetime]


def _stored(rows: Sequence[Row], now: datetime, heard: Sequence[int] = ()) -> int:
    """Insert what is new and judge it. Returns how many were."""
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [now, *_columns(rows)])
        fresh: list[Row] = cursor.fetchall()
        cursor.execute(_NEWEST, _columns(fresh))
    Feed.objects.filter(pk__in={row[0] for row in rows} | set(heard)).update(last_seen_at=now)
    by_metric: dict[watching.Metric, watching.Figures] = {}
    for feed, metric, value, at in fresh:
        by_metric.setdefault((feed, metric), []).append((ms(at), value))
    watching.judge_metrics(by_metric)
    return len(fresh)


def _columns(rows: Sequence[Row]) -> list[list[object]]:
    return [[row[n] for row in rows] for n in range(4)]
