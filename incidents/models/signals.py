"""Figures from outside, the limits they are held against, and the warnings that come of it. Samples are no history: only a
crossing becomes an event of an incident."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q

from contactops.accounts.models import User
from incidents.engine.plan import LEVELS
from incidents.models.base import choices, known
from incidents.models.incident import SEES_ALL, SEES_SITES, Incident
from plans.models import bilingual
from plans.texts import say

FAMILIES = ("traffic", "system", "complaint")
ABOVE, BELOW = DIRECTIONS = ("above", "below")
OPEN, REPORTED, DISMISSED, CLEARED = WARNING_STATES = ("open", "reported", "dismissed", "cleared")
ALERT = "alert:"  # metrics that say whether an alert of a monitor is on
LEADING_GROUP = "G-LEAD"


def at_sites_of(user: User, path: str = "site") -> Q:
    """What is of a site that this person looks after, or of all sites."""
    if user.role in SEES_ALL or LEADING_GROUP in user.group_keys.values():
        return Q()
    if user.role in SEES_SITES:
        return Q(**{f"{path}__in": user.own_site_ids}) | Q(**{path: None})
    return Q(pk__in=())


class FeedQuerySet(models.QuerySet["Feed"]):
    def visible_to(self, user: User) -> FeedQuerySet:
        return self.filter(at_sites_of(user))


class Feed(models.Model):
    """Where figures come from: a telephone system, a monitor. One that has never been heard of is not connected; one that
    has been silent for `stale_after` is stale. `firing`: which alerts of a monitor are on, as metric -> fingerprints."""

    slug = models.SlugField(max_length=60, unique=True)
    name = bilingual("name")
    site = models.ForeignKey("plans.Site", null=True, blank=True, on_delete=models.PROTECT, related_name="feeds")
    stale_after = models.DurationField(null=True, blank=True)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    enabled = models.BooleanField(default=True)
    firing = models.JSONField(default=dict, blank=True)

    objects = FeedQuerySet.as_manager()

    class Meta:
        ordering = ["slug"]
        constraints = [models.CheckConstraint(condition=Q(name__has_key="en"), name="feed_name_has_english_words")]

    def __str__(self) -> str:
        return say(self.name)

    def is_stale(self, now: datetime) -> bool:
        if not self.enabled or self.stale_after is None or self.last_seen_at is None:
            return False
        return now - self.last_seen_at > self.stale_after


class Signal(models.Model):
    """One figure. Kept for a limited time."""

    feed = models.ForeignKey(Feed, on_delete=models.CASCADE, related_name="signals")
    metric = models.CharField(max_length=120)
    value = models.FloatField()
    at = models.DateTimeField()
    received_at = models.DateTimeField()

    class Meta:
        indexes = [BrinIndex(fields=["received_at"], name="signal_by_receipt")]
        constraints = [
            models.UniqueConstraint(fields=["feed", "metric", "at"], name="figure_counts_once_for_its_instant")
        ]

    def __str__(self) -> str:
        return f"{self.metric} {self.value:g}"


class Gauge(models.Model):
    """The newest figure of a metric, by its own time."""

    feed = models.ForeignKey(Feed, on_delete=models.CASCADE, related_name="gauges")
    metric = models.CharField(max_length=120)
    value = models.FloatField()
    at = models.DateTimeField()

    class Meta:
        ordering = ["feed", "metric"]
        constraints = [models.UniqueConstraint(fields=["feed", "metric"], name="metric_has_one_newest_figure")]

    def __str__(self) -> str:
        return f"{self.metric} {self.value:g}"


class RuleQuerySet(models.QuerySet["WarningRule"]):
    def visible_to(self, user: User) -> RuleQuerySet:
        return self.filter(at_sites_of(user))


class WarningRule(models.Model):
    """A limit on one metric. It opens a warning that pre-fills a report of `incident_type`, or it steers live incidents:
    `condition` holds in them while the limit is held, `lost_condition` while nobody can tell.

    What is known of the figures stands in the last columns, as `engine.crossing.Watch` has it; `look_at` is when something
    becomes so without another figure.
    """

    title = bilingual("title")
    family = models.CharField(max_length=12, choices=choices(FAMILIES))
    feed = models.ForeignKey(Feed, on_delete=models.PROTECT, related_name="rules")
    metric = models.CharField(max_length=120)
    direction = models.CharField(max_length=8, choices=choices(DIRECTIONS))
    value = models.FloatField()
    clear_value = models.FloatField()
    held_for = models.DurationField()
    cool_down = models.DurationField()
    site = models.ForeignKey("plans.Site", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    owner = models.CharField(max_length=20, help_text="the key of the group that is told")
    level = models.PositiveSmallIntegerField(null=True, blank=True)
    incident_type = models.ForeignKey("plans.IncidentType", null=True, blank=True, on_delete=models.PROTECT)
    condition = models.CharField(max_length=60, blank=True)
    lost_condition = models.CharField(max_length=60, blank=True)
    is_example = models.BooleanField(default=False)
    enabled = models.BooleanField(default=True)

    seen_at = models.DateTimeField(null=True, blank=True)
    last_value = models.FloatField(null=True, blank=True)
    since = models.DateTimeField(null=True, blank=True)
    holds = models.BooleanField(default=False)
    lost = models.BooleanField(default=False)
    moved_at = models.DateTimeField(null=True, blank=True)
    rests_until = models.DateTimeField(null=True, blank=True)
    look_at = models.DateTimeField(null=True, blank=True)

    objects = RuleQuerySet.as_manager()

    class Meta:
        ordering = ["site", "family", "pk"]
        indexes = [
            models.Index(fields=["look_at"], condition=Q(look_at__isnull=False), name="warning_rule_by_look"),
            models.Index(fields=["feed", "metric"], name="warning_rule_by_metric"),
        ]
        constraints = [
            known("family", FAMILIES, "warning_rule_family_is_known"),
            known("direction", DIRECTIONS, "warning_rule_direction_is_known"),
            models.CheckConstraint(condition=Q(title__has_key="en"), name="warning_rule_title_has_english_words"),
            models.CheckConstraint(condition=Q(level=None) | Q(level__in=LEVELS), name="warning_rule_level_is_1_to_4"),
            models.CheckConstraint(
                condition=Q(direction=ABOVE, clear_value__lte=F("value"))
                | Q(direction=BELOW, clear_value__gte=F("value")),
                name="warning_rule_is_over_on_the_near_side_of_its_limit",
            ),
            models.CheckConstraint(
                condition=Q(condition="", lost_condition="", incident_type__isnull=False)
                | (~Q(condition="") & Q(incident_type=None, level=None)),
                name="warning_rule_either_warns_or_steers",
            ),
        ]

    def __str__(self) -> str:
        return say(self.title)

    @property
    def steers(self) -> bool:
        return bool(self.condition)


class WarningQuerySet(models.QuerySet[Any]):
    def visible_to(self, user: User) -> WarningQuerySet:
        """Those of one's sites, and those of which a group is told that one is in."""
        told = Q(rule__owner__in=set(user.group_keys.values()))
        own = told & (Q(rule__site=user.site_id) | Q(rule__site=None))
        of_sites = at_sites_of(user, "rule__site")
        return self.filter(of_sites | own) if of_sites else self.all()  # nothing, or'ed with something, is something


class Warning(models.Model):
    """A limit was held for as long as its rule asks. It says what it was about then, whatever becomes of the rule.
    `since`: when the crossing began; `over_at`: when the figures were back on the near side."""

    rule = models.ForeignKey(WarningRule, on_delete=models.PROTECT, related_name="warnings")
    since = models.DateTimeField()
    opened_at = models.DateTimeField()
    metric = models.CharField(max_length=120)
    direction = models.CharField(max_length=8, choices=choices(DIRECTIONS))
    limit = models.FloatField()
    held_for = models.DurationField()
    value = models.FloatField()
    over_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=12, choices=choices(WARNING_STATES), default=OPEN)
    watched_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    watched_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    reason = models.TextField(blank=True)
    incident = models.ForeignKey(Incident, null=True, blank=True, on_delete=models.PROTECT, related_name="warnings")
    changed_at = models.DateTimeField(help_text="any page that shows it asks again after this")

    objects = WarningQuerySet.as_manager()

    class Meta:
        ordering = ["-opened_at", "-pk"]
        indexes = [
            models.Index(fields=["-opened_at"], name="warning_open", condition=Q(state=OPEN)),
            models.Index(fields=["-changed_at"], name="warning_by_change"),
        ]
        constraints = [
            known("state", WARNING_STATES, "warning_state_is_known"),
            known("direction", DIRECTIONS, "warning_direction_is_known"),
            models.UniqueConstraint(fields=["rule", "since"], name="crossing_warns_once"),
            models.UniqueConstraint(fields=["rule"], condition=Q(state=OPEN), name="rule_has_one_open_warning"),
            models.CheckConstraint(
                condition=~Q(state=REPORTED) | Q(incident__isnull=False), name="reported_warning_has_its_incident"
            ),
            models.CheckConstraint(
                condition=~Q(state=DISMISSED) | (Q(decided_by__isnull=False, decided_at__isnull=False) & ~Q(reason="")),
                name="dismissed_warning_says_who_when_and_why",
            ),
            models.CheckConstraint(
                condition=~Q(state=CLEARED) | Q(over_at__isnull=False), name="cleared_warning_says_when_it_was_over"
            ),
        ]

    def __str__(self) -> str:
        return str(self.rule)


class Steering(models.Model):
    """What a rule last made of its conditions in one incident, so that only a crossing says it again. A person may say
    otherwise meanwhile, and is not contradicted until the next one. `revision`: the plan it was said for."""

    rule = models.ForeignKey(WarningRule, on_delete=models.CASCADE, related_name="steerings")
    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="steerings")
    revision = models.ForeignKey("plans.PlanRevision", null=True, on_delete=models.PROTECT, related_name="+")
    holds = models.BooleanField()
    lost = models.BooleanField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["rule", "incident"], name="rule_steers_an_incident_once")]

    def __str__(self) -> str:
        return f"{self.rule_id} → {self.incident_id}"
