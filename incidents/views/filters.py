"""What a page of many incidents is narrowed to. It stands in the address."""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.db.models import Q

from contactops.http import Request
from incidents import wording
from incidents.engine import lifecycle
from incidents.engine.plan import LEVELS
from incidents.views.sites import chosen_site, sites_of

Choices = list[tuple[str, str]]


@dataclass(frozen=True)
class Filters:
    """What the address asks for; anything unknown is left out."""

    site: str
    level: str
    kind: str
    status: str
    q: str
    sites: Choices

    @classmethod
    def of(cls, request: Request) -> "Filters":
        asked = {name: request.GET.get(name, "").strip()[:200] for name in ("level", "kind", "status", "q")}
        asked["site"] = chosen_site(request)
        sites = [(site.code, str(site)) for site in sites_of(request)]
        known = {
            "site": [code for code, _name in sites],
            "level": [str(level) for level in LEVELS],
            "kind": lifecycle.KINDS,
            "status": lifecycle.STATUSES,
        }
        kept = {name: value for name, value in asked.items() if value in known.get(name, [value])}
        return cls(**{**dict.fromkeys(asked, ""), **kept}, sites=sites)

    @property
    def levels(self) -> Choices:
        return [(str(level), f"{level} {wording.level_name(level)}") for level in LEVELS]

    @property
    def kinds(self) -> Choices:
        return [(kind, wording.name(kind)) for kind in lifecycle.KINDS]

    @property
    def statuses(self) -> Choices:
        return [(status, wording.name(status)) for status in lifecycle.STATUSES]

    @property
    def site_name(self) -> str:
        return dict(self.sites).get(self.site, "")

    @property
    def any(self) -> bool:
        return bool(self.level or self.kind or self.status or self.q)

    @property
    def address(self) -> str:
        """What stands behind the question mark, without the page. The site always: without one the session's counts, which
        another tab may change."""
        others = {"level": self.level, "kind": self.kind, "status": self.status, "q": self.q}
        return urlencode({"site": self.site, **{name: value for name, value in others.items() if value}})

    def as_q(self) -> Q:
        """What waits for its level may become any: a filter for a level does not hide it."""
        columns = {"site__code": self.site, "kind": self.kind, "status": self.status}
        level = Q(level=self.level) | Q(level=None, status__in=lifecycle.TRIAGE) if self.level else Q()
        return level & Q(**{name: value for name, value in columns.items() if value})
