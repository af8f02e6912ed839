"""What the API answers, in the contract's words."""

from datetime import datetime, timedelta
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from contactops.accounts.models import User
from incidents import warned
from incidents.engine.ledger import PENDING
from incidents.helpers import Ask, Helper, Tier
from incidents.models import Event, Incident, Notification, Report, Warning
from incidents.reasons import Why
from incidents.selectors import CLOCKS, Line, PromiseView, Room, StepView
from plans.texts import say


class Moment(serializers.DateTimeField):
    """ISO 8601 with offset."""


def iso(value: datetime | None) -> Any:
    return Moment().to_representation(value) if value else None


def seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()


def minutes(span: timedelta) -> float:
    return round(span / timedelta(minutes=1), 2)


def person(user: User | None) -> str | None:
    return user.username if user else None


def listed(row: type[serializers.BaseSerializer]) -> type[serializers.Serializer]:
    """The answer to a list that fits one page: `{results, next}` with `next` null."""
    address = serializers.URLField(allow_null=True)
    fields = {"results": row(many=True), "next": address, "__doc__": f"Several of {row.__name__}."}
    return type(f"{row.__name__}List", (serializers.Serializer,), fields)


class IncidentRow(serializers.ModelSerializer):
    """An incident in a list."""

    type = serializers.CharField(source="type.slug")
    site = serializers.CharField(source="site.code", default=None, allow_null=True)
    commander = serializers.CharField(source="commander.username", default=None, allow_null=True)
    level_confirmed = serializers.BooleanField(source="level_is_confirmed")
    outcome = serializers.SerializerMethodField()

    def get_outcome(self, incident: Incident) -> str | None:
        return incident.outcome or None

    class Meta:
        model = Incident
        fields = (
            *("ref", "kind", "rev", "status", "outcome", "level", "level_confirmed", "title", "type", "site"),
            *("commander", "occurred_at", "reported_at", "closed_at"),
        )


class Option(serializers.Serializer):
    key = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # the contract's word, and DRF's


class Step(serializers.Serializer):
    """One step; `allowed` are the verbs the caller may use on it now."""

    key = serializers.CharField()
    title = serializers.SerializerMethodField()
    group = serializers.CharField()
    kind = serializers.CharField()
    status = serializers.CharField()
    required = serializers.BooleanField()  # type: ignore[assignment]  # the same
    opened_at = Moment(allow_null=True)
    due_at = Moment(allow_null=True)
    done_at = Moment(allow_null=True)
    overdue = serializers.BooleanField()
    target_s = serializers.SerializerMethodField(help_text="A limit of seconds that is measured and promises nothing.")
    took_s = serializers.SerializerMethodField()
    assignee = serializers.SerializerMethodField()
    decision = serializers.CharField(allow_blank=True)
    options = serializers.SerializerMethodField()
    allowed = serializers.ListField(child=serializers.CharField())

    def get_title(self, step: StepView) -> str:
        return say(step.title)

    def get_target_s(self, step: StepView) -> float | None:
        return seconds(step.target)

    def get_took_s(self, step: StepView) -> float | None:
        return seconds(step.took)

    def get_assignee(self, step: StepView) -> str | None:
        return person(step.assignee)

    @extend_schema_field(Option(many=True))
    def get_options(self, step: StepView) -> list[dict[str, str]]:
        return [{"key": option["key"], "label": say(option["label"])} for option in step.options]


class Confirmed(serializers.Serializer):
    by = serializers.CharField(allow_null=True)
    at = Moment()


class Activation(serializers.Serializer):
    n = serializers.IntegerField()
    plan = serializers.CharField()
    revision = serializers.IntegerField()
    level = serializers.IntegerField()
    since = Moment(source="from")
    until = Moment(allow_null=True)

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of the language, so it cannot be written as a class attribute."""
        fields = super().get_fields()
        fields["from"] = Moment()
        fields.pop("since")
        return fields


class Impact(serializers.Serializer):
    reports = serializers.IntegerField()
    seats = serializers.IntegerField()
    share = serializers.FloatField(allow_null=True)


class Part(serializers.Serializer):
    """One person's part in support; `minutes` of all their stretches together."""

    status = serializers.CharField(source="stands", allow_blank=True)
    asked_at = Moment(source="asked", allow_null=True)
    confirmed_at = Moment(source="confirmed", allow_null=True)
    declined_at = Moment(source="declined", allow_null=True)
    joined_at = Moment(source="joined", allow_null=True)
    released_at = Moment(source="released", allow_null=True)
    minutes = serializers.SerializerMethodField()

    def get_minutes(self, helper: Helper) -> float:
        return minutes(helper.given)


class Helping(Part):
    person = serializers.CharField(source="user.username")
    note = serializers.CharField(allow_blank=True)


class SupportTier(serializers.Serializer):
    """One tier: how many were asked, confirmed, came and went, and each by name."""

    tier = serializers.IntegerField(source="n")
    open = serializers.BooleanField(source="is_open")
    since = Moment(allow_null=True)
    asked = serializers.IntegerField()
    confirmed = serializers.IntegerField()
    declined = serializers.IntegerField()
    joined = serializers.IntegerField()
    released = serializers.IntegerField()
    person_minutes = serializers.SerializerMethodField()
    people = Helping(source="helpers", many=True)

    def get_person_minutes(self, tier: Tier) -> float:
        return minutes(tier.given)


class AskedFor(Part):
    tier = serializers.IntegerField()

    def to_representation(self, ask: Ask) -> Any:
        return {**Part(ask.me).data, "tier": ask.tier}


class OwnPart(serializers.Serializer):
    """To somebody who was asked to help in an incident that they may not see: what is on record of them."""

    ref = serializers.CharField()
    support = AskedFor(many=True)


class Detail(serializers.Serializer):
    """One incident, whole."""

    ref = serializers.CharField(source="incident.ref")
    kind = serializers.CharField(source="incident.kind")
    rev = serializers.IntegerField(source="incident.rev")
    status = serializers.CharField(source="incident.status")
    outcome = serializers.SerializerMethodField()
    level = serializers.IntegerField(source="incident.level", allow_null=True)
    level_confirmed = serializers.SerializerMethodField()
    title = serializers.CharField(source="incident.title")
    type = serializers.CharField(source="incident.type.slug")
    site = serializers.SerializerMethodField()
    clocks = serializers.SerializerMethodField()
    conditions = serializers.SerializerMethodField()
    activations = Activation(many=True)
    commander = serializers.SerializerMethodField()
    deputy = serializers.SerializerMethodField()
    merged_into = serializers.SerializerMethodField()
    steps = Step(many=True)
    impact = Impact()
    support = SupportTier(many=True)
    allowed = serializers.ListField(child=serializers.CharField())

    def get_outcome(self, room: Room) -> str | None:
        return room.incident.outcome or None

    @extend_schema_field(Confirmed(allow_null=True))
    def get_level_confirmed(self, room: Room) -> dict[str, Any] | None:
        if not room.confirmed:
            return None
        by, at = room.confirmed
        return {"by": person(by), "at": iso(at)}

    def get_site(self, room: Room) -> str | None:
        return room.incident.site.code if room.incident.site else None

    @extend_schema_field(
        {"type": "object", "additionalProperties": {"type": ["string", "null"], "format": "date-time"}}
    )
    def get_clocks(self, room: Room) -> dict[str, Any]:
        return {name: iso(getattr(room.incident, f"{name}_at")) for name in CLOCKS}

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "object"}})
    def get_conditions(self, room: Room) -> dict[str, Any]:
        return {c.name: {"holds": c.holds, "since": iso(c.since)} for c in room.conditions}

    def get_commander(self, room: Room) -> str | None:
        return person(room.incident.commander)

    def get_deputy(self, room: Room) -> str | None:
        return person(room.deputy)

    def get_merged_into(self, room: Room) -> str | None:
        return room.incident.merged_into.ref if room.incident.merged_into else None


class Received(serializers.Serializer):
    """What the reporter is told at once, and told again when the same report comes again."""

    id = serializers.UUIDField()
    incident = serializers.CharField(source="incident.ref")
    joined = serializers.BooleanField()
    received_at = Moment()
    next_update_at = Moment(allow_null=True)
    incident_type = serializers.CharField(source="incident_type.slug")


class Receipt(Received):
    """What became of a report."""

    next_update_at: Any = serializers.SerializerMethodField()
    status = serializers.CharField(source="incident.status")
    outcome = serializers.SerializerMethodField()

    def get_outcome(self, report: Report) -> str | None:
        return report.incident.outcome or None

    @extend_schema_field({"type": ["string", "null"], "format": "date-time"})
    def get_next_update_at(self, report: Report) -> Any:
        return iso(self.context["next_update_at"])


class CandidateRow(serializers.Serializer):
    ref = serializers.CharField()
    title = serializers.CharField()
    seats = serializers.IntegerField()


class Candidates(serializers.Serializer):
    """What a report could belong to; nothing was stored."""

    candidates = CandidateRow(many=True)


class TimelineRow(serializers.Serializer):
    """One event. `text`: what happened, and what the person wrote; facts and hashes as they are chained."""

    seq = serializers.IntegerField(source="event.seq")
    kind = serializers.CharField(source="event.kind")
    at = Moment(source="event.occurred_at")
    recorded_at = Moment(source="event.recorded_at")
    actor = serializers.SerializerMethodField()
    facts = serializers.JSONField(source="event.facts")
    text = serializers.SerializerMethodField()
    redacted = serializers.BooleanField()
    prev_hash = serializers.CharField(source="event.prev_hash")
    hash = serializers.CharField(source="event.hash")

    def get_actor(self, line: Line) -> str:
        event: Event = line.event
        return event.actor.username if event.actor else event.source

    def get_text(self, line: Line) -> str:
        return f"{line.sentence}: {line.text}" if line.text else line.sentence


class Promise(serializers.Serializer):
    """One row of the ledger; `late_s` is the plan's lateness, `system_late_s` ours."""

    id = serializers.IntegerField(source="timer.pk")
    key = serializers.CharField(source="timer.key")
    rule = serializers.CharField(source="timer.rule")
    title = serializers.CharField(source="words")
    action = serializers.CharField(source="timer.action")
    due_at = Moment(source="timer.due_at")
    armed_at = Moment(source="timer.armed_at")
    state = serializers.SerializerMethodField()
    fired_at = Moment(source="timer.fired_at", allow_null=True)
    paused = serializers.BooleanField()
    late_s = serializers.SerializerMethodField()
    system_late_s = serializers.SerializerMethodField()

    def get_state(self, view: PromiseView) -> str:
        """One that somebody paused is still promised; when it is due is open until it goes on."""
        return PENDING if view.paused else view.timer.state

    def get_late_s(self, view: PromiseView) -> float | None:
        return seconds(view.timer.late)

    def get_system_late_s(self, view: PromiseView) -> float | None:
        return seconds(view.timer.system_late)


class PromiseReason(serializers.Serializer):
    """Why a promise exists: its rule, the clock that runs for it and the entry of the timeline that began it."""

    rule = serializers.CharField()
    plan = serializers.CharField()
    clock = serializers.CharField()
    since = Moment(allow_null=True)
    seq = serializers.IntegerField(help_text="The number of that entry.")
    after_s = serializers.SerializerMethodField(help_text="The rule's time, at the level and speed that count.")
    level = serializers.IntegerField(allow_null=True)
    changed = serializers.ListField(child=serializers.CharField())

    def get_after_s(self, why: Why) -> float | None:
        return seconds(why.span)


class LedgerRow(Promise):
    """One row of the ledger of all incidents. `kept`: on-time, missed, late, late-by-console, after-downtime, or its state
    where it was not kept."""

    incident = serializers.CharField(source="incident.ref")
    incident_kind = serializers.CharField(source="incident.kind")
    plan = serializers.CharField(source="timer.plan")
    subject = serializers.CharField(source="timer.subject")
    n = serializers.IntegerField(source="timer.n")
    kept = serializers.CharField()
    why = PromiseReason()


class NotificationRow(serializers.ModelSerializer):
    """One message to one person."""

    incident = serializers.CharField(source="incident.ref")
    recipient = serializers.CharField(source="recipient.username")

    class Meta:
        model = Notification
        fields = (
            *("id", "incident", "recipient", "channel", "state", "attempts", "created_at", "handed_at", "read_at"),
            *("acknowledged_at", "declined_at", "items"),
        )


class Taken(serializers.Serializer):
    """What became of the figures of one call; `known`: they had been sent before. `new_feeds`: sources that nobody has
    described yet."""

    received = serializers.IntegerField()
    stored = serializers.IntegerField()
    known = serializers.IntegerField()
    new_feeds = serializers.ListField(child=serializers.CharField())


class Prefilled(serializers.Serializer):
    """What a report of the warning would say."""

    warning = serializers.IntegerField()
    incident_type = serializers.CharField()
    site = serializers.CharField(allow_blank=True)
    scope = serializers.CharField(allow_blank=True)
    summary = serializers.CharField()
    details = serializers.CharField()
    occurred_at = Moment()


class WarningRow(serializers.ModelSerializer):
    """A warning; `value` is the figure that opened it, `report` what a report of it would say."""

    title = serializers.SerializerMethodField()
    family = serializers.CharField(source="rule.family")
    example = serializers.BooleanField(source="rule.is_example")
    feed = serializers.CharField(source="rule.feed.slug")
    owner = serializers.CharField(source="rule.owner")
    level = serializers.IntegerField(source="rule.level", allow_null=True)
    site = serializers.CharField(source="rule.site.code", default=None, allow_null=True)
    held_for_s = serializers.SerializerMethodField()
    watched_by = serializers.CharField(source="watched_by.username", default=None, allow_null=True)
    decided_by = serializers.CharField(source="decided_by.username", default=None, allow_null=True)
    incident = serializers.CharField(source="incident.ref", default=None, allow_null=True)
    report = serializers.SerializerMethodField()

    def get_title(self, warning: Warning) -> str:
        return say(warning.rule.title)

    def get_held_for_s(self, warning: Warning) -> float | None:
        return seconds(warning.held_for)

    @extend_schema_field(Prefilled)
    def get_report(self, warning: Warning) -> Any:
        return Prefilled(warned.prefilled(warning)).data

    class Meta:
        model = Warning
        fields = (
            *("id", "title", "family", "example", "state", "site", "owner", "level", "feed", "metric", "direction"),
            *("limit", "held_for_s", "value", "since", "opened_at", "over_at", "watched_by", "watched_at"),
            *("decided_by", "decided_at", "reason", "incident", "report"),
        )
