"""How levels, times, fields and the frame are shown. Formatting only: nothing here decides anything."""

from datetime import datetime, timedelta
from typing import Any

from django import template
from django.template.defaultfilters import date as format_date
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from incidents import warned, wording
from incidents.models import Incident
from incidents.notify import wording as letters
from incidents.selectors import StepView

register = template.Library()
register.filter("status_name", wording.name)
register.filter("letter_state", letters.state_name)
register.filter("level_name", wording.level_name)
register.filter("figure", warned.number)
register.filter("limit_words", warned.limit_words)

SHAPES = {1: "octagon", 2: "triangle", 3: "diamond", 4: "circle"}


@register.inclusion_tag("incidents/_level.html")
def level_badge(level: int | str | None, confirmed: bool = True) -> dict[str, Any]:
    """Number, word, shape and colour; each tells the level without the others."""
    level = int(level) if level else None
    name = wording.level_name(level) if level else ""
    return {"level": level, "shape": SHAPES.get(level or 0), "name": name, "confirmed": confirmed}


@register.simple_tag
def incident_badge(incident: Incident) -> SafeString:
    """The badge of an incident, with a word where levels 1-2 still wait for the leading group."""
    confirmed = incident.level not in (1, 2) or incident.level_is_confirmed
    html = render_to_string("incidents/_level.html", level_badge(incident.level, confirmed))
    return SafeString(html)


@register.filter
def duration(seconds: float | timedelta | None) -> str:
    """48 s, 4 min, 1 h 05, 2 d 3 h: as a person would say it."""
    if seconds is None:
        return "–"
    total = seconds.total_seconds() if isinstance(seconds, timedelta) else seconds
    whole = int(abs(total))
    if whole < 60:
        return _("{s} s").format(s=whole)
    if whole < 3600:
        return _("{m} min").format(m=whole // 60)
    if whole < 86_400:
        return _("{h} h {m}").format(h=whole // 3600, m=f"{whole % 3600 // 60:02}")
    return _("{d} d {h} h").format(d=whole // 86_400, h=whole % 86_400 // 3600)


def countdown(seconds: float) -> str:
    """4:12, 1 h 05, 2 d 3 h: what can be watched running down."""
    whole = int(abs(seconds))
    return duration(whole) if whole >= 3600 else f"{whole // 60}:{whole % 60:02}"


@register.simple_tag
def since(start: datetime, now: datetime) -> str:
    """How long it has been; it goes on counting where scripts run."""
    return format_html('<time class="since" datetime="{}">{}</time>', start.isoformat(), duration(now - start))


@register.filter
def age(start: datetime, now: datetime) -> str:
    return duration(now - start)


@register.simple_tag
def at(moment: datetime | None, zone: bool = True, dated: bool = False) -> str:
    """A time in the reader's zone; the date where it is not today's or asked for, the zone's name unless the page says it
    once."""
    if moment is None:
        return "–"
    local = timezone.localtime(moment)
    text = format_date(local, "H:i")
    if dated or local.date() != timezone.localtime().date():
        text = f"{format_date(local, _day_format())} {text}"
    whole = f"{format_date(local, 'DATE_FORMAT')} {format_date(local, 'H:i:s')} {zone_name(local)}"
    tail = format_html(' <span class="zone">{}</span>', zone_name(local)) if zone else ""
    return format_html('<time datetime="{}" title="{}">{}</time>{}', local.isoformat(), whole, text, tail)


def _day_format() -> str:
    return "n月j日" if get_language() == "zh-hans" else "j M"


@register.simple_tag
def zone_name(moment: datetime | None = None) -> str:
    """The reader's time zone as its clocks call it: GMT, CST."""
    return timezone.localtime(moment).tzname() or ""


@register.simple_tag
def left(due: datetime | None, now: datetime) -> str:
    """How long until it is due, or how late it is; a late one is a filled badge."""
    if due is None:
        return ""
    seconds = (due - now).total_seconds()
    word = _("{time} late") if seconds < 0 else _("{time} left")
    kind = "late" if seconds < 0 else "soon" if seconds < 300 else "calm"
    return format_html(
        '<time class="left {}" datetime="{}" title="{}">{}</time>',
        kind,
        timezone.localtime(due).isoformat(),
        f"{format_date(timezone.localtime(due), 'H:i:s')} {zone_name(due)}",
        word.format(time=countdown(seconds)),
    )


@register.simple_tag
def lateness(late: timedelta | None) -> str:
    """How late it was, nothing when it was on time."""
    if late is None:
        return ""
    if late < timedelta(seconds=1):
        return format_html('<span class="muted">{}</span>', _("on time"))
    word = "late-word" if late >= timedelta(minutes=1) else "muted"
    return format_html('<span class="{}">{}</span>', word, duration(late))


@register.simple_tag
def measured(step: StepView) -> str:
    """A step's aim in seconds and what it took: the limits that are measured and promise nothing."""
    if step.target is None:
        return ""
    aim = _("aim %(aim)s") % {"aim": duration(step.target)}
    if step.took is None:
        return format_html('<span class="muted">{}</span>', aim)
    took = _("took %(took)s") % {"took": _tenths(step.took)}
    return format_html(
        '<span class="{}">{}</span>', "late-word" if step.took > step.target else "muted", f"{took}, {aim}"
    )


def _tenths(span: timedelta) -> str:
    """Seconds to a tenth where the tenth says on which side of the aim it fell."""
    seconds = span.total_seconds()
    return _("{s} s").format(s=f"{seconds:.1f}") if seconds < 60 else duration(span)


@register.filter
def share(part: float | None) -> str:
    """0.2 as 20 %."""
    return "" if part is None else _("%(percent)s %%") % {"percent": round(part * 100)}


@register.filter
def words(text: str) -> list[str]:
    return text.split()


@register.filter
def item(mapping: Any, key: Any) -> Any:
    return mapping.get(key) if mapping else None


@register.filter
def people_count(number: int) -> str:
    return ngettext("%(n)s report", "%(n)s reports", number) % {"n": number}
