"""Filters for plan texts and durations. Formatting only."""

from datetime import date

from django import template
from django.template.defaultfilters import date as format_date
from django.utils.translation import get_language

from plans.texts import say

register = template.Library()
register.filter("say", say)


@register.filter
def weekday(day: date) -> str:
    """Mon 2 Mar."""
    return str(format_date(day, "n月j日 D" if get_language() == "zh-hans" else "D j M"))
