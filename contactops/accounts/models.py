"""Who logs in, what they may be told and where."""

from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

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


class ContactPoint(models.Model):
    """One way to reach one person; tried in order. Everybody has the console without a row here."""

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


class SignInTries(models.Model):
    """How often one name was tried from one address within the last minute in which it was."""

    key = models.CharField(max_length=64, primary_key=True)
    minute = models.DateTimeField()
    tries = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.key[:8]}: {self.tries}"
