"""Feeds and the limits on their figures, as supervisors and managers set them. Nothing is deleted: what is not wanted any
more is switched off, and its warnings stay."""

from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from contactops.accounts.models import User
from contactops.errors import Invalid, NotFound
from incidents import access, hints, services, watching
from incidents.models import Feed, Warning, WarningRule
from incidents.models.signals import CLEARED, OPEN
from incidents.times import db_now
from plans.models import Group, Site


def feed_for(user: User, pk: int) -> Feed:
    found = Feed.objects.visible_to(user).select_related("site").filter(pk=pk).first()
    if found is None:
        raise NotFound(_("There is no such feed, or you may not see it."))
    return found


def rule_for(user: User, pk: int) -> WarningRule:
    rows = WarningRule.objects.visible_to(user).select_related("feed", "site", "incident_type")
    found = rows.filter(pk=pk).first()
    if found is None:
        raise NotFound(_("There is no such rule, or you may not see it."))
    return found


def save_feed(
    *,
    actor: User,
    feed: Feed | None = None,
    slug: str,
    name: str,
    name_zh: str = "",
    site: str = "",
    stale_after: int | None = None,
    enabled: bool = False,
) -> Feed:
    """A new feed, or another description of one that is known; its rules are judged anew."""
    place = _site(site)
    access.require_thresholds(actor, _pk(place), *([feed.site_id] if feed else []))
    row = feed or Feed()
    row.slug, row.name, row.site, row.enabled = slug, _both(name, name_zh), place, enabled
    row.stale_after = timedelta(minutes=stale_after) if stale_after else None
    try:
        with transaction.atomic():
            row.save()
            for rule in WarningRule.objects.select_for_update(of=("self",)).select_related("feed").filter(feed=row):
                _begin_anew(rule)
    except IntegrityError as error:
        if "slug" not in str(error):
            raise
        raise Invalid(_("There is a feed of this name already."), field="slug") from error
    watching.look()
    return row


def save_rule(
    *,
    actor: User,
    rule: WarningRule | None = None,
    title: str,
    title_zh: str = "",
    feed: str,
    held_for: int,
    cool_down: int = 0,
    site: str = "",
    owner: str,
    level: int | None = None,
    incident_type: str = "",
    condition: str = "",
    lost_condition: str = "",
    **limit: Any,
) -> WarningRule:
    """A new limit, or other figures for one that is known; what was known of it is forgotten and read anew. Whoever
    changes an example has made it a rule of their own."""
    place, source = _site(site), _feed(actor, feed)
    access.require_thresholds(actor, _pk(place), *([rule.site_id] if rule else []))
    if not Group.objects.filter(key=owner).exists():
        raise Invalid(_("There is no group “%(name)s”.") % {"name": owner}, field="owner")
    row = rule or WarningRule()
    values = {
        **limit,
        "title": _both(title, title_zh),
        "feed": source,
        "site": place,
        "owner": owner,
        "held_for": timedelta(minutes=held_for),
        "cool_down": timedelta(minutes=cool_down),
        "incident_type": services.incident_type(incident_type, "incident_type") if incident_type else None,
        "condition": condition,
        "lost_condition": lost_condition,
        "level": None if condition else level,
    }
    if any(getattr(row, name) != value for name, value in values.items() if name != "enabled"):
        row.is_example = False
    for name, value in values.items():
        setattr(row, name, value)
    with transaction.atomic():
        row.save()
        _begin_anew(WarningRule.objects.select_for_update(of=("self",)).select_related("feed").get(pk=row.pk))
    watching.look()
    return row


def _begin_anew(rule: WarningRule) -> None:
    watching.forget(rule)
    rule.save(update_fields=[*watching.STATE])
    if rule.look_at is None:  # switched off: nobody looks whether it is over
        now = db_now()
        open_ones = Warning.objects.filter(rule=rule, state=OPEN)
        open_ones.update(state=CLEARED, over_at=now, changed_at=now)
    hints.board_changed()


def _both(english: str, chinese: str) -> dict[str, str]:
    return {"en": english, **({"zh-hans": chinese} if chinese else {})}


def _pk(site: Site | None) -> int | None:
    return site.pk if site else None


def _site(code: str) -> Site | None:
    site = Site.objects.filter(code=code).first() if code else None
    if code and site is None:
        raise Invalid(_("There is no site “%(code)s”.") % {"code": code}, field="site")
    return site


def _feed(actor: User, slug: str) -> Feed:
    found = Feed.objects.visible_to(actor).filter(slug=slug).first()
    if found is None:
        raise Invalid(_("There is no feed “%(slug)s”.") % {"slug": slug}, field="feed")
    return found
