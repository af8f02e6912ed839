"""Who can be called for an incident now: of each group the people on duty, by the roster; in a drill, its participants."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cached_property

from incidents.engine.effects import Duty
from incidents.engine.plan import RuleSet
from incidents.models import Incident
from plans import selectors as plans
from plans.models import Group

Groups = Mapping[tuple[str, int | None], Group]


def group_for(groups: Groups, key: str, site_id: int | None) -> Group | None:
    """The site's own group, else the organisation's."""
    return groups.get((key, site_id)) or groups.get((key, None))


def _named(user_id: int) -> str:
    """A person, as the engine names them."""
    return f"user:{user_id}"


class OnDuty:
    """For one batch of incidents; nothing is read until somebody has to be called, and then some queries for each site."""

    def __init__(self, incidents: Iterable[Incident], rules: RuleSet, now: datetime) -> None:
        self.incidents, self.rules, self.now = list(incidents), rules, now
        self._by_site: dict[int | None, Mapping[int, list[str]]] = {}

    def of(self, incident: Incident) -> Duty:
        return _Of(self, incident)

    @cached_property
    def groups(self) -> Groups:
        plans_in_force = [compiled.plan for compiled in self.rules.values()]
        called = {
            plan.groups[name]
            for plan in plans_in_force
            for ladder in plan.ladders
            for name in (*ladder.contacts, ladder.fallback)
        }
        return {(group.key, group.site_id): group for group in Group.objects.filter(key__in=called)}

    def people(self, incident: Incident) -> Mapping[int, list[str]]:
        """By group; of the organisation's groups those on duty for the incident's site. Asked once per site."""
        if incident.site_id not in self._by_site:
            found = plans.on_duty(self.groups.values(), self.now, site=incident.site)
            self._by_site[incident.site_id] = {pk: [_named(user.pk) for user in users] for pk, users in found.items()}
        return self._by_site[incident.site_id]

    @cached_property
    def participants(self) -> Mapping[int, set[str]]:
        drills = [incident.pk for incident in self.incidents if incident.kind == "drill"]
        rows = Incident.participants.through.objects.filter(incident__in=drills).values_list("incident_id", "user_id")
        found: dict[int, set[str]] = {pk: set() for pk in drills}
        for incident_id, user_id in rows:
            found[incident_id].add(_named(user_id))
        return found


class _Of(Duty):
    def __init__(self, batch: OnDuty, incident: Incident) -> None:
        self.batch, self.incident = batch, incident

    def __getitem__(self, key: str) -> tuple[str, ...]:
        group = group_for(self.batch.groups, key, self.incident.site_id)
        people = self.batch.people(self.incident).get(group.pk, []) if group else []
        if self.incident.kind == "drill":
            return tuple(one for one in people if one in self.batch.participants[self.incident.pk])
        return tuple(people)
