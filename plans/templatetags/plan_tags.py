"""Filters for plan texts and durations. Formatting only."""

from django import template

from plans.texts import say

register = template.Library()
register.filter("say", say)
