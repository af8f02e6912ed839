"""The organisation (sites, seats, groups) and what should happen (incident types, plans and their revisions)."""

from typing import Any

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from contactops.validators import validate_time_zone
from plans.texts import say, validate_text


def bilingual(label: Any, **options: Any) -> Any:
    """A JSON field that holds one text in two languages (see plans.texts)."""
    return models.JSONField(label, validators=[validate_text], **options)


class Site(models.Model):
    """One place where people take calls."""

    code = models.SlugField(_("code"), max_length=30, unique=True)
    name = bilingual(_("name"))
    time_zone = models.CharField(_("time zone"), max_length=40, default="UTC", validators=[validate_time_zone])

    class Meta:
        verbose_name = _("site")
        verbose_name_plural = _("sites")
        ordering = ["code"]
        constraints = [models.CheckConstraint(condition=Q(name__has_key="en"), name="site_name_has_english_words")]

    def __str__(self) -> str:
        return say(self.name)


class Area(models.Model):
    """A part of the floor of a site."""

    site = models.ForeignKey(Site, verbose_name=_("site"), on_delete=models.CASCADE, related_name="areas")
    code = models.SlugField(_("code"), max_length=30)
    name = bilingual(_("name"))

    class Meta:
        verbose_name = _("area")
        verbose_name_plural = _("areas")
        ordering = ["site", "code"]
        constraints = [
            models.UniqueConstraint(fields=["site", "code"], name="area_code_is_unique_in_its_site"),
            models.CheckConstraint(condition=Q(name__has_key="en"), name="area_name_has_english_words"),
        ]

    def __str__(self) -> str:
        return say(self.name)


class SeatState(models.TextChoices):
    USABLE = "usable", _("Usable")
    FAULTY = "faulty", _("Faulty")
    OCCUPIED = "occupied", _("Occupied")


class Seat(models.Model):
    """One desk with a headset. `power_fed`: it stays alive on the UPS or the generator."""

    site = models.ForeignKey(Site, verbose_name=_("site"), on_delete=models.CASCADE, related_name="seats")
    code = models.CharField(_("code"), max_length=20)
    area = models.ForeignKey(
        Area, verbose_name=_("area"), null=True, blank=True, on_delete=models.SET_NULL, related_name="seats"
    )
    row = models.CharField(_("row"), max_length=20, blank=True)
    switch = models.CharField(_("network switch"), max_length=40, blank=True)
    power_fed = models.BooleanField(_("fed by UPS or generator"), default=False)
    state = models.CharField(_("state"), max_length=10, choices=SeatState.choices, default=SeatState.USABLE)

    class Meta:
        verbose_name = _("seat")
        verbose_name_plural = _("seats")
        ordering = ["site", "code"]
        constraints = [
            models.UniqueConstraint(fields=["site", "code"], name="seat_code_is_unique_in_its_site"),
            models.CheckConstraint(condition=Q(state__in=SeatState.values), name="seat_state_is_known"),
        ]

    def __str__(self) -> str:
        return self.code


class Group(models.Model):
    """People with common duties, known to plans by a canonical key (G-LEAD ...). A site's own group goes before the
    organisation's, which has no site."""

    key = models.CharField(_("key"), max_length=20)
    site = models.ForeignKey(
        Site, verbose_name=_("site"), null=True, blank=True, on_delete=models.CASCADE, related_name="groups"
    )
    name = bilingual(_("name"))
    duties = bilingual(_("duties"), blank=True, default=dict)
    people = models.ManyToManyField(
        settings.AUTH_USER_MODEL, verbose_name=_("people"), through="Membership", related_name="responsible_groups"
    )

    class Meta:
        verbose_name = _("group")
        verbose_name_plural = _("groups")
        ordering = ["key", "site"]
        constraints = [
            models.UniqueConstraint(
                fields=["key", "site"], nulls_distinct=False, name="group_key_is_unique_in_its_site"
            ),
            models.CheckConstraint(condition=Q(key__regex=r"^G-[A-Z]+$"), name="group_key_is_canonical"),
            models.CheckConstraint(condition=Q(name__has_key="en"), name="group_name_has_english_words"),
        ]

    def __str__(self) -> str:
        return f"{self.key} {say(self.name)}"


class Position(models.TextChoices):
    LEADER = "leader", _("Leader")
    DEPUTY = "deputy", _("Deputy")
    MEMBER = "member", _("Member")
    LIAISON = "liaison", _("Liaison officer")


class Membership(models.Model):
    """A person's place in a group. Within a position the lower order is asked first."""

    group = models.ForeignKey(Group, verbose_name=_("group"), on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("person"), on_delete=models.CASCADE, related_name="memberships"
    )
    position = models.CharField(_("position"), max_length=10, choices=Position.choices, default=Position.MEMBER)
    order = models.PositiveSmallIntegerField(_("order"), default=1)

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        ordering = ["group", "order", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["group", "user"], name="person_is_in_a_group_once"),
            models.CheckConstraint(condition=Q(position__in=Position.values), name="membership_position_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} ({self.get_position_display()})"


class ShiftSource(models.TextChoices):
    PLANNED = "planned", _("Planned")
    SWAP = "swap", _("Swap")
    IMPORT = "import", _("Imported")


def _just(column: str) -> Func:
    """A number as a range of one, so that a range index, which every PostgreSQL has, can tell whether two are the same."""
    return Func(Coalesce(F(column), 0), Coalesce(F(column), 0), Value("[]"), function="int8range")


class Shift(models.Model):
    """When somebody is on duty for a group, from `starts_at` up to but not including `ends_at`.

    A group of one site counts there. A shift of an organisation-wide group counts at the site that it names, or everywhere.
    An override is asked before those who were planned; one that `replaces` a shift takes its place while it lasts.
    """

    group = models.ForeignKey(Group, verbose_name=_("group"), on_delete=models.CASCADE, related_name="shifts")
    site = models.ForeignKey(
        Site,
        verbose_name=_("site"),
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="shifts",
        help_text=_("Only for a group of the whole organisation: where this shift counts. Empty: everywhere."),
    )
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("person"), on_delete=models.PROTECT, related_name="shifts"
    )
    starts_at = models.DateTimeField(_("begins"))
    ends_at = models.DateTimeField(_("ends"))
    is_override = models.BooleanField(
        _("override"), default=False, help_text=_("Is asked before those who are planned for that time.")
    )
    replaces = models.ForeignKey(
        "self",
        verbose_name=_("instead of"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="replacements",
    )
    source = models.CharField(
        _("source"), max_length=10, choices=ShiftSource.choices, default=ShiftSource.PLANNED, editable=False
    )
    entered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("entered by"),
        null=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    entered_at = models.DateTimeField(_("entered at"), auto_now=True)

    class Meta:
        verbose_name = _("shift")
        verbose_name_plural = _("shifts")
        ordering = ["starts_at", "pk"]
        indexes = [models.Index(fields=["group", "ends_at"], name="shift_by_group_and_end")]
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="shift_ends_after_it_starts"),
            models.CheckConstraint(condition=Q(source__in=ShiftSource.values), name="shift_source_is_known"),
            models.CheckConstraint(
                condition=Q(replaces=None) | Q(is_override=True), name="only_an_override_replaces_a_shift"
            ),
            models.CheckConstraint(condition=~Q(replaces=F("id")), name="shift_does_not_replace_itself"),
            models.UniqueConstraint(
                fields=["group", "site", "person", "starts_at", "ends_at", "is_override", "replaces"],
                nulls_distinct=False,
                name="shift_is_written_down_once",
            ),
            ExclusionConstraint(
                name="person_has_one_planned_shift_of_a_group_at_a_time",
                expressions=[
                    (_just("group"), RangeOperators.OVERLAPS),
                    (_just("site"), RangeOperators.OVERLAPS),
                    (_just("person"), RangeOperators.OVERLAPS),
                    (
                        Func("starts_at", "ends_at", function="tstzrange", output_field=DateTimeRangeField()),
                        RangeOperators.OVERLAPS,
                    ),
                ],
                condition=Q(is_override=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.group.key} {self.person} {self.starts_at:%Y-%m-%d %H:%M}"

    def clean(self) -> None:
        """As the form of the admin needs it told; the verbs of plans.rostering see to it themselves."""
        if self.group_id and self.group.site_id and self.site_id:
            raise ValidationError({"site": _("This group belongs to a site: its shifts count there.")})
        if self.replaces_id and self.replaces and self.replaces.group_id != self.group_id:
            raise ValidationError({"replaces": _("That shift is of another group.")})

    @property
    def counts_at(self) -> Site | None:
        """The site where it counts; None for everywhere."""
        return self.group.site or self.site


class SwapState(models.TextChoices):
    ASKED = "asked", _("Asked")
    ACCEPTED = "accepted", _("Accepted")
    DECLINED = "declined", _("Declined")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class SwapRequest(models.Model):
    """One person asks another to take a shift. Accepted, it becomes an override that replaces the shift."""

    shift = models.ForeignKey(Shift, verbose_name=_("shift"), on_delete=models.CASCADE, related_name="swaps")
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("asked by"), on_delete=models.PROTECT, related_name="swaps_asked"
    )
    asked_of = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("asked of"), on_delete=models.PROTECT, related_name="swaps_received"
    )
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=SwapState.choices, default=SwapState.ASKED)
    asked_at = models.DateTimeField(_("asked at"))
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)

    class Meta:
        verbose_name = _("swap")
        verbose_name_plural = _("swaps")
        ordering = ["-asked_at", "-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=SwapState.values), name="swap_state_is_known"),
            models.CheckConstraint(condition=~Q(asked_by=F("asked_of")), name="nobody_swaps_with_themselves"),
            models.CheckConstraint(
                condition=Q(state=SwapState.ASKED, decided_at=None)
                | (~Q(state=SwapState.ASKED) & Q(decided_at__isnull=False)),
                name="swap_has_a_time_when_it_is_decided",
            ),
            models.UniqueConstraint(
                fields=["shift"], condition=Q(state=SwapState.ASKED), name="one_swap_is_open_for_a_shift"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.asked_by} → {self.asked_of}: {self.shift}"


class CalendarFeed(models.Model):
    """The key of one person's calendar address. Whoever has the address may read the shifts; a new key shuts the old one."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="calendar_feed"
    )
    key = models.CharField(max_length=43, unique=True)
    made_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.user}"


class Family(models.TextChoices):
    """What an incident is about; the categories of the scenario catalogue."""

    GENERAL = "general", _("General")
    TECHNICAL = "technical", _("Technical and facility")
    OPERATIONS = "operations", _("Operations and traffic")
    CUSTOMER = "customer", _("Customers")
    STAFF = "staff", _("Staff")
    SECURITY = "security", _("Security")
    SAFETY = "safety", _("Safety and fire")
    NATURAL = "natural", _("Natural disaster")
    HEALTH = "health", _("Public health")
    EXTERNAL = "external", _("Outside world")


class PlanKind(models.TextChoices):
    RESPONSE = "response", _("Response plan")
    HOUSE = "house", _("House rules")
    CHECKLIST = "checklist", _("Checklist")


class Plan(models.Model):
    """A named plan through all its revisions. There is at most one house plan, in force from every report."""

    slug = models.SlugField(_("slug"), max_length=60, unique=True)
    family = models.CharField(_("family"), max_length=12, choices=Family.choices)
    kind = models.CharField(_("kind"), max_length=10, choices=PlanKind.choices, default=PlanKind.RESPONSE)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("owner"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="owned_plans",
    )

    class Meta:
        verbose_name = _("plan")
        verbose_name_plural = _("plans")
        ordering = ["slug"]
        constraints = [
            models.CheckConstraint(condition=Q(family__in=Family.values), name="plan_family_is_known"),
            models.CheckConstraint(condition=Q(kind__in=PlanKind.values), name="plan_kind_is_known"),
            models.UniqueConstraint(
                fields=["kind"], condition=Q(kind=PlanKind.HOUSE), name="one_plan_is_the_house_plan"
            ),
        ]

    def __str__(self) -> str:
        return self.slug

    @property
    def is_house(self) -> bool:
        return self.kind == PlanKind.HOUSE


class IncidentType(models.Model):
    """What a reporter can choose, and the plan that is proposed for it."""

    slug = models.SlugField(_("slug"), max_length=60, unique=True)
    family = models.CharField(_("family"), max_length=12, choices=Family.choices)
    name = bilingual(_("name"))
    default_plan = models.ForeignKey(
        Plan,
        verbose_name=_("proposed plan"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="incident_types",
    )

    class Meta:
        verbose_name = _("incident type")
        verbose_name_plural = _("incident types")
        ordering = ["slug"]
        constraints = [
            models.CheckConstraint(condition=Q(family__in=Family.values), name="incident_type_family_is_known"),
            models.CheckConstraint(condition=Q(name__has_key="en"), name="incident_type_name_has_english_words"),
        ]

    def __str__(self) -> str:
        return say(self.name)


class RevisionStatus(models.TextChoices):
    DRAFT = "draft", _("Draft")
    PUBLISHED = "published", _("Published")
    RETIRED = "retired", _("Retired")


class PlanRevision(models.Model):
    """One version of a plan: a whole validated document (docs/decisions/0002). Once published it never changes and is
    never deleted; a trigger sees to that. Only its retirement, when the next one is published, is still written."""

    plan = models.ForeignKey(Plan, verbose_name=_("plan"), on_delete=models.PROTECT, related_name="revisions")
    number = models.PositiveIntegerField(_("number"))
    status = models.CharField(_("status"), max_length=10, choices=RevisionStatus.choices, default=RevisionStatus.DRAFT)
    document = models.JSONField(_("document"))
    reason = models.TextField(_("reason for the change"), blank=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("author"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="written_revisions",
    )
    approver = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("approved by"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="approved_revisions",
    )
    published_at = models.DateTimeField(_("published at"), null=True, blank=True)
    effective_at = models.DateTimeField(_("effective at"), null=True, blank=True)

    class Meta:
        verbose_name = _("plan revision")
        verbose_name_plural = _("plan revisions")
        ordering = ["plan", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["plan", "number"], name="revision_number_is_unique_in_its_plan"),
            models.UniqueConstraint(
                fields=["plan"], condition=Q(status=RevisionStatus.PUBLISHED), name="one_published_revision_per_plan"
            ),
            models.UniqueConstraint(
                fields=["plan"], condition=Q(status=RevisionStatus.DRAFT), name="one_draft_per_plan"
            ),
            models.CheckConstraint(condition=Q(status__in=RevisionStatus.values), name="revision_status_is_known"),
            models.CheckConstraint(condition=Q(number__gte=1), name="revision_number_counts_from_one"),
            models.CheckConstraint(
                condition=Q(status=RevisionStatus.DRAFT, published_at=None, effective_at=None, approver=None)
                | Q(
                    ~Q(status=RevisionStatus.DRAFT),
                    published_at__isnull=False,
                    effective_at__isnull=False,
                    author__isnull=False,
                    approver__isnull=False,
                ),
                name="published_revision_says_who_and_when",
            ),
            models.CheckConstraint(
                condition=Q(status=RevisionStatus.DRAFT) | ~Q(author=F("approver")),
                name="nobody_approves_their_own_revision",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.plan} r{self.number}"

    @property
    def frozen(self) -> bool:
        return self.status != RevisionStatus.DRAFT
