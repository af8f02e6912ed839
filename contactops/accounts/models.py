"""Who logs in, what they may be told and where."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django.contrib.auth.models import AbstractUser, UserManager
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone, translation
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from contactops.accounts import addresses, gateway_urls
from contactops.validators import validate_time_zone


class Role(models.TextChoices):
    AGENT = "agent", _("Agent")
    LEADER = "leader", _("Duty leader")
    SUPERVISOR = "supervisor", _("Supervisor")
    MANAGER = "manager", _("Manager")
    MEMBER = "member", _("Group member")
    ADMINISTRATOR = "administrator", _("Administrator")
    AUDITOR = "auditor", _("Auditor")


ADMIN_ROLES = frozenset({Role.ADMINISTRATOR, Role.AUDITOR})  # who enters the admin; auditors only look


class Language(models.TextChoices):
    EN = "en", "English"
    ZH_HANS = "zh-hans", "简体中文"


class PersonManager(UserManager["User"]):
    def create_superuser(
        self, username: str, email: str | None = None, password: str | None = None, **fields: Any
    ) -> Any:
        """The first person of a new console is its administrator."""
        return super().create_superuser(username, email, password, **{"role": Role.ADMINISTRATOR, **fields})


class User(AbstractUser):
    """A person. The role says what they do in the console; being in a responsible group is separate (plans.Membership)."""

    name = models.CharField(_("name"), max_length=100, blank=True)
    role = models.CharField(_("role"), max_length=16, choices=Role.choices, default=Role.AGENT)
    site = models.ForeignKey(
        "plans.Site",
        verbose_name=_("home site"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="people",
    )
    sites = models.ManyToManyField(
        "plans.Site", verbose_name=_("also responsible for"), blank=True, related_name="responsible_people"
    )
    language = models.CharField(_("language"), max_length=8, choices=Language.choices, default=Language.EN)
    time_zone = models.CharField(
        _("time zone"),
        max_length=40,
        blank=True,
        validators=[validate_time_zone],
        help_text=_("Empty: the site's."),
    )
    employee_number = models.CharField(_("employee number"), max_length=20, blank=True)

    objects: ClassVar[PersonManager] = PersonManager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="user_role_is_known"),
            models.CheckConstraint(condition=models.Q(language__in=Language.values), name="user_language_is_known"),
        ]

    def __str__(self) -> str:
        return self.name or self.username

    def save(self, *args: Any, **kwargs: Any) -> None:
        # Django's admin looks at is_staff; the role decides it, so that there is one place to look.
        self.is_staff = self.is_superuser or self.role in ADMIN_ROLES
        super().save(*args, **kwargs)

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Of Django's own permissions, which only the admin asks: everything for administrators, looking for auditors."""
        if self.is_active and self.role in ADMIN_ROLES:
            return self.role == Role.ADMINISTRATOR or perm.partition(".")[2].startswith("view_")
        return super().has_perm(perm, obj)

    def has_module_perms(self, app_label: str) -> bool:
        return (self.is_active and self.role in ADMIN_ROLES) or super().has_module_perms(app_label)

    @cached_property
    def own_sites(self) -> list[Any]:
        """Home site and the sites they are also responsible for. Queries once per instance."""
        mine = models.Q(pk=self.site_id) | models.Q(responsible_people=self)
        return list(self.sites.model.objects.filter(mine).distinct())

    @property
    def zone(self) -> ZoneInfo:
        """Their own time zone, else that of their site."""
        return ZoneInfo(self.time_zone or (self.site.time_zone if self.site else "UTC"))

    @contextmanager
    def reading(self) -> Iterator[None]:
        """In their language and time zone."""
        with translation.override(self.language), timezone.override(self.zone):
            yield

    @property
    def own_site_ids(self) -> set[int]:
        return {site.pk for site in self.own_sites}

    @cached_property
    def group_keys(self) -> dict[int, str]:
        """The responsible groups they are in: id -> key. Queries once per instance."""
        return dict(self.memberships.values_list("group_id", "group__key"))


class Channel(models.TextChoices):
    CONSOLE = "console", _("In the console")
    EMAIL = "email", _("E-mail")
    SMS = "sms", _("SMS")
    VOICE = "voice", _("Phone call, read out")
    DINGTALK = "dingtalk", _("DingTalk")
    WECOM = "wecom", _("WeCom")
    FEISHU = "feishu", _("Feishu")
    SLACK = "slack", "Slack"
    TEAMS = "teams", "Microsoft Teams"
    TELEGRAM = "telegram", "Telegram"
    WEBHOOK = "webhook", _("Webhook")


OURS = (Channel.CONSOLE, Channel.EMAIL)  # what the console sends by itself; everything else goes through a gateway
THROUGH_A_GATEWAY = tuple(channel for channel in Channel if channel not in OURS)


class ContactPoint(models.Model):
    """One way to reach one person; tried in order. Everybody has the console without a row here. A trigger takes
    `verified_at` back when the address changes: nobody has shown yet that the new one is theirs."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="contact_points")
    channel = models.CharField(_("channel"), max_length=16, choices=Channel.choices)
    address = models.CharField(_("address"), max_length=200)
    order = models.PositiveSmallIntegerField(_("order"), default=1)
    verified_at = models.DateTimeField(_("verified at"), null=True, blank=True)

    class Meta:
        ordering = ["user", "order"]
        constraints = [
            models.UniqueConstraint(fields=["user", "channel", "address"], name="contact_point_is_listed_once"),
            models.CheckConstraint(
                condition=models.Q(channel__in=Channel.values), name="contact_point_channel_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.channel} {self.address}"

    def clean(self) -> None:
        """As for the person who writes it down: an address as its channel takes it."""
        try:
            self.address = addresses.clean(self.channel, self.address)
        except ValidationError as error:
            raise ValidationError({"address": error}) from None


class Gateway(models.Model):
    """How the messages of one channel leave the house: an Apprise URL, in which `{address}` stands for the person's. It
    may hold passwords: it is never shown again, nor written into a log or an error."""

    channel = models.CharField(_("channel"), max_length=16, choices=[(c.value, c.label) for c in THROUGH_A_GATEWAY])
    name = models.CharField(_("name"), max_length=60)
    url = models.CharField(_("URL"), max_length=1000)
    enabled = models.BooleanField(_("enabled"), default=True)
    site = models.ForeignKey(
        "plans.Site", verbose_name=_("site"), null=True, blank=True, on_delete=models.PROTECT, related_name="gateways"
    )
    last_test_at = models.DateTimeField(_("last test"), null=True, blank=True)
    last_test_result = models.CharField(_("what the test said"), max_length=200, blank=True)

    class Meta:
        ordering = ["channel", "site", "-enabled", "name"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(channel__in=THROUGH_A_GATEWAY), name="gateway_channel_is_one_that_needs_it"
            ),
            models.UniqueConstraint(
                fields=["channel", "site"],
                condition=models.Q(enabled=True),
                nulls_distinct=False,
                name="one_gateway_of_a_channel_is_enabled_per_site",
            ),
            models.CheckConstraint(
                condition=models.Q(last_test_at=None, last_test_result="")
                | (models.Q(last_test_at__isnull=False) & ~models.Q(last_test_result="")),
                name="gateway_test_has_a_time_and_a_result",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.channel})"

    def clean(self) -> None:
        try:
            gateway_urls.check(self.channel, self.url)
        except ValidationError as error:
            raise ValidationError({"url": error}) from None


class SignInTries(models.Model):
    """How often one name was tried from one address within the last minute in which it was."""

    key = models.CharField(max_length=64, primary_key=True)
    minute = models.DateTimeField()
    tries = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.key[:8]}: {self.tries}"
