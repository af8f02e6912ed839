"""Two feeds at Leeds and three limits on their figures, marked as examples: what a number should be is for each centre to
say. Nothing has been heard of the feeds yet, so nothing warns. Running it again changes nothing."""

from datetime import timedelta
from typing import Any

from incidents.models import Feed, WarningRule
from incidents.models.signals import ABOVE, BELOW
from plans.models import IncidentType, Site

MINUTE = timedelta(minutes=1)

FEEDS: tuple[tuple[str, dict[str, str], timedelta | None], ...] = (
    ("telephony", {"en": "Telephone system", "zh-hans": "话务平台"}, 3 * MINUTE),
    ("monitoring", {"en": "System monitoring", "zh-hans": "系统监控"}, None),  # speaks when an alert begins or ends
)

RULES: tuple[dict[str, Any], ...] = (
    {
        "title": {"en": "More than 40 calls waiting for 5 minutes", "zh-hans": "排队超过 40 通并持续 5 分钟"},
        "family": "traffic",
        "metric": "calls-waiting",
        "direction": ABOVE,
        "value": 40,
        "clear_value": 30,
        "held_for": 5 * MINUTE,
        "cool_down": 15 * MINUTE,
        "level": 3,
        "type": "inbound-surge",
    },
    {
        "title": {"en": "Fewer than 15 calls waiting for 5 minutes", "zh-hans": "排队少于 15 通并持续 5 分钟"},
        "family": "traffic",
        "metric": "calls-waiting",
        "direction": BELOW,
        "value": 15,
        "clear_value": 15,
        "held_for": 5 * MINUTE,
        "cool_down": timedelta(),
        "condition": "waiting-low",
        "lost_condition": "waiting-lost",
    },
    {
        "title": {"en": "More than 5 complaints within an hour", "zh-hans": "一小时内投诉超过 5 件"},
        "family": "complaint",
        "metric": "complaints-last-hour",
        "direction": ABOVE,
        "value": 5,
        "clear_value": 3,
        "held_for": timedelta(),
        "cool_down": 60 * MINUTE,
        "level": 3,
        "type": "general-emergency",
    },
)


def seed() -> None:
    leeds = Site.objects.get(code="leeds")
    for slug, name, stale_after in FEEDS:
        Feed.objects.get_or_create(slug=slug, defaults={"name": name, "site": leeds, "stale_after": stale_after})
    feed = Feed.objects.get(slug="telephony")
    if WarningRule.objects.exists():
        return  # whoever has changed an example does not want it back
    types = {kind.slug: kind for kind in IncidentType.objects.all()}
    for rule in RULES:
        kind = types.get(rule.get("type", ""))
        given = {name: value for name, value in rule.items() if name != "type"}
        WarningRule.objects.create(
            **given, incident_type=kind, feed=feed, site=leeds, owner="G-SUP", is_example=True, enabled=True
        )
