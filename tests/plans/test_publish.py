"""Drafts, publication, and what the database refuses."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, models, transaction
from django.utils import translation

from contactops.accounts.models import Role, User
from contactops.errors import Conflict, Invalid, NotAllowed, NotFound
from plans import catalogue, library_files, selectors, services, snapshots
from plans.models import Area, Group, IncidentType, Membership, Plan, PlanRevision, RevisionStatus, Seat, Site

Document = dict[str, Any]
Publish = Callable[[Document], PlanRevision]

pytestmark = pytest.mark.usefixtures("nothing_yet")


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


class TestLoad:
    def test_makes_a_draft(self, small: Document, writer: User) -> None:
        loaded = services.load(small, by=writer)
        assert (loaded.changed, loaded.revision.number, loaded.revision.status) == (True, 1, "draft")
        assert loaded.revision.author == writer

    def test_twice_changes_nothing(self, small: Document, writer: User) -> None:
        services.load(small, by=writer)
        assert not services.load(small, by=writer).changed
        assert PlanRevision.objects.count() == 1

    def test_of_what_is_published_leaves_somebody_elses_draft_alone(
        self, small: Document, writer: User, publish: Publish
    ) -> None:
        publish(small)
        other = {**small, "scope": {"en": "Changed."}}
        services.load(other, by=writer)
        assert not services.load(small, by=writer).changed
        assert PlanRevision.objects.get(status="draft").document["scope"] == {"en": "Changed."}

    def test_of_something_new_after_publication_makes_the_next_number(
        self, small: Document, writer: User, publish: Publish
    ) -> None:
        publish(small)
        assert services.load({**small, "scope": {"en": "Changed."}}, by=writer).revision.number == 2

    def test_refuses_a_bad_document(self, small: Document, writer: User) -> None:
        with pytest.raises(Invalid, match="owner: there is no group “roof”"):
            services.load({**small, "owner": "roof"}, by=writer)

    def test_refuses_a_second_house_plan(self, small: Document, writer: User) -> None:
        services.load({**small, "kind": "house"}, by=writer)
        with pytest.raises(Conflict):
            services.load({**small, "kind": "house", "slug": "other"}, by=writer)

    @pytest.mark.parametrize("role", [Role.AGENT, Role.LEADER, Role.MEMBER, Role.AUDITOR])
    def test_refuses_who_may_not_write(self, small: Document, role: Role) -> None:
        with pytest.raises(NotAllowed):
            services.load(small, by=User.objects.create(username="x", role=role))


class TestPublish:
    def test_puts_in_force_and_retires_the_one_before(self, small: Document, publish: Publish) -> None:
        first = publish(small)
        second = publish({**small, "scope": {"en": "Changed."}})
        first.refresh_from_db()
        assert (first.status, second.status, second.number) == ("retired", "published", 2)
        assert selectors.published("small") == second
        assert second.published_at == second.effective_at

    def test_takes_over_its_incident_types(self, small: Document, publish: Publish) -> None:
        publish(small)
        assert IncidentType.objects.get(slug="small-thing").default_plan == Plan.objects.get(slug="small")

    def test_types_without_a_plan_of_their_own_get_the_general_one(self, small: Document, publish: Publish) -> None:
        general = publish(small | {"slug": catalogue.GENERAL, "incident_types": [catalogue.GENERAL]}).plan
        publish(small | {"incident_types": ["power-cut"]})
        proposed = {one.slug: one.default_plan for one in selectors.incident_types()}
        assert proposed == {one.slug: general for one in catalogue.TYPES} | {
            "power-cut": Plan.objects.get(slug="small")
        }

    @pytest.mark.parametrize("role", [role for role in Role if role != Role.MANAGER])
    def test_only_a_manager_approves(self, small: Document, writer: User, role: Role) -> None:
        draft = services.load(small, by=writer).revision
        with pytest.raises(NotAllowed):
            services.publish(draft, by=writer, approved_by=User.objects.create(username="x", role=role))
        draft.refresh_from_db()
        assert draft.status == RevisionStatus.DRAFT

    def test_nobody_approves_what_they_bring(self, small: Document, approver: User) -> None:
        draft = services.load(small, by=approver).revision
        with pytest.raises(NotAllowed):
            services.publish(draft, by=approver, approved_by=approver)

    def test_nobody_approves_what_they_wrote_when_another_brings_it(
        self, small: Document, writer: User, approver: User
    ) -> None:
        draft = services.load(small, by=approver).revision
        with pytest.raises(NotAllowed):
            services.publish(draft, by=writer, approved_by=approver)

    def test_an_account_that_was_closed_approves_nothing(self, small: Document, writer: User, approver: User) -> None:
        draft = services.load(small, by=writer).revision
        approver.is_active = False
        with pytest.raises(NotAllowed):
            services.publish(draft, by=writer, approved_by=approver)

    def test_twice_is_a_conflict(self, small: Document, writer: User, approver: User, publish: Publish) -> None:
        with pytest.raises(Conflict):
            services.publish(publish(small), by=writer, approved_by=approver)


class TestTheDatabase:
    """Refuses, whoever asks."""

    def refuses(self, name: str, act: Callable[[], object]) -> None:
        with pytest.raises(IntegrityError, match=name), transaction.atomic():
            act()

    @pytest.mark.parametrize(
        "change",
        [
            "document = '{}'",
            "number = 9",
            "reason = 'another'",
            "status = 'draft', published_at = NULL, effective_at = NULL, approver_id = NULL",
            "published_at = now()",
            "status = 'retired', reason = 'smuggled'",
            "author_id = NULL",
        ],
    )
    def test_changing_a_published_revision(self, small: Document, publish: Publish, change: str) -> None:
        revision = publish(small)
        sql = f"UPDATE plans_planrevision SET {change} WHERE id = %s"
        self.refuses("cannot be changed or deleted", lambda: connection.cursor().execute(sql, [revision.pk]))

    def test_bringing_back_a_retired_revision(self, small: Document, publish: Publish) -> None:
        first = publish(small)
        publish({**small, "scope": {"en": "Changed."}})
        rows = PlanRevision.objects.filter(pk=first.pk)
        self.refuses("cannot be changed or deleted", lambda: rows.update(status="published"))

    def test_deleting_a_published_revision(self, small: Document, publish: Publish) -> None:
        revision = publish(small)
        sql = "DELETE FROM plans_planrevision WHERE id = %s"
        self.refuses("cannot be changed or deleted", lambda: connection.cursor().execute(sql, [revision.pk]))
        with pytest.raises(models.ProtectedError):
            revision.plan.delete()

    def test_deleting_a_draft_is_allowed(self, small: Document, writer: User) -> None:
        services.load(small, by=writer).revision.delete()
        assert not PlanRevision.objects.exists()

    def test_two_revisions_in_force(self, small: Document, publish: Publish) -> None:
        revision = publish(small)
        revision.pk, revision.number = None, 2
        revision._state.adding = True
        self.refuses("one_published_revision_per_plan", revision.save)

    def test_two_drafts(self, small: Document, writer: User) -> None:
        draft = services.load(small, by=writer).revision
        draft.pk, draft.number = None, 2
        draft._state.adding = True
        self.refuses("one_draft_per_plan", draft.save)

    def test_a_number_used_twice(self, small: Document, publish: Publish) -> None:
        plan = publish(small).plan
        self.refuses(
            "revision_number_is_unique_in_its_plan",
            lambda: PlanRevision.objects.create(plan=plan, number=1, document=small),
        )

    def test_a_number_below_one(self, small: Document, publish: Publish) -> None:
        plan = publish(small).plan
        self.refuses(
            "revision_number_counts_from_one", lambda: PlanRevision.objects.create(plan=plan, number=0, document=small)
        )

    def test_publishing_what_one_wrote(self, small: Document, writer: User, approver: User) -> None:
        draft = services.load(small, by=writer).revision
        rows = PlanRevision.objects.filter(pk=draft.pk)
        now = {"published_at": "2026-01-01T00:00Z", "effective_at": "2026-01-01T00:00Z"}
        self.refuses(
            "nobody_approves_their_own_revision", lambda: rows.update(status="published", approver=writer, **now)
        )
        self.refuses("published_revision_says_who_and_when", lambda: rows.update(status="published", approver=None))
        self.refuses("revision_status_is_known", lambda: rows.update(status="lost", approver=approver, **now))

    def test_a_second_house_plan(self) -> None:
        Plan.objects.create(slug="house-a", family="general", kind="house")
        self.refuses(
            "one_plan_is_the_house_plan", lambda: Plan.objects.create(slug="house-b", family="general", kind="house")
        )

    def test_words_outside_the_enums(self) -> None:
        site = Site.objects.create(code="leeds", name={"en": "Leeds"})
        self.refuses("plan_family_is_known", lambda: Plan.objects.create(slug="a", family="odd"))
        self.refuses("plan_kind_is_known", lambda: Plan.objects.create(slug="a", family="general", kind="odd"))
        self.refuses("seat_state_is_known", lambda: Seat.objects.create(site=site, code="L1", state="odd"))
        self.refuses("group_key_is_canonical", lambda: Group.objects.create(key="lead", name={"en": "Lead"}))
        self.refuses(
            "incident_type_family_is_known",
            lambda: IncidentType.objects.create(slug="a", family="odd", name={"en": "A"}),
        )

    def test_a_name_without_english_words(self) -> None:
        self.refuses("site_name_has_english_words", lambda: Site.objects.create(code="a", name={"zh-hans": "利兹"}))
        self.refuses("group_name_has_english_words", lambda: Group.objects.create(key="G-X", name={}))
        site = Site.objects.create(code="leeds", name={"en": "Leeds"})
        self.refuses("area_name_has_english_words", lambda: Area.objects.create(site=site, code="a", name={}))
        self.refuses(
            "incident_type_name_has_english_words",
            lambda: IncidentType.objects.create(slug="a", family="general", name={}),
        )

    def test_the_same_thing_twice(self, writer: User) -> None:
        site = Site.objects.create(code="leeds", name={"en": "Leeds"})
        Seat.objects.create(site=site, code="L1")
        group = Group.objects.create(key="G-SUP", name={"en": "Supervisors"})
        Membership.objects.create(group=group, user=writer)
        self.refuses("seat_code_is_unique_in_its_site", lambda: Seat.objects.create(site=site, code="L1"))
        Area.objects.create(site=site, code="a", name={"en": "Area"})
        self.refuses(
            "area_code_is_unique_in_its_site", lambda: Area.objects.create(site=site, code="a", name={"en": "Again"})
        )
        self.refuses("group_key_is_unique_in_its_site", lambda: Group.objects.create(key="G-SUP", name={"en": "Again"}))
        self.refuses(
            "person_is_in_a_group_once",
            lambda: Membership.objects.create(group=group, user=writer, position="leader"),
        )
        members = Membership.objects.filter(group=group)
        self.refuses("membership_position_is_known", lambda: members.update(position="mascot"))

    def test_every_constraint_has_its_test(self) -> None:
        text = Path(__file__).read_text() + (Path(__file__).parent.parent / "accounts" / "test_people.py").read_text()
        text += (Path(__file__).parent / "test_roster.py").read_text()
        text += (Path(__file__).parent.parent / "pages" / "test_channels.py").read_text()
        models = [model for app in ("plans", "accounts") for model in apps.get_app_config(app).get_models()]
        names = {constraint.name for model in models for constraint in model._meta.constraints}
        assert {name for name in names if f'"{name}"' not in text} == set()


class TestCommands:
    def test_load_publish_and_again(self, writer: User, approver: User) -> None:
        arguments = ["load_plans", "--publish", "--by", "writer", "--approved-by", "approver"]
        assert "power-cut r1: published" in run(*arguments)
        assert {line.split(": ")[1] for line in run(*arguments).splitlines()} == {"unchanged"}

    def test_all_contract_types_exist_after_loading(self, writer: User, approver: User) -> None:
        run("load_plans", "--publish", "--by", "writer", "--approved-by", "approver")
        proposed = {one.slug: one.default_plan and one.default_plan.slug for one in selectors.incident_types()}
        assert proposed == {one.slug: one.slug for one in catalogue.TYPES}
        assert len(proposed) == 9

    def test_export_gives_the_bytes_that_were_loaded(self, writer: User, approver: User) -> None:
        run("load_plans", "--publish", "--by", "writer", "--approved-by", "approver")
        for path in library_files.files():
            assert run("export_plan", path.stem) == path.read_text(encoding="utf-8")
            assert run("export_plan", path.stem, "--revision", "1") == path.read_text(encoding="utf-8")

    def test_an_exported_file_loads_without_a_change(self, small: Document, publish: Publish, tmp_path: Path) -> None:
        publish(small)
        path = tmp_path / "small.yaml"
        path.write_text(run("export_plan", "small"), encoding="utf-8")
        assert run("load_plans", str(path)) == "small r1: unchanged\n"

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["load_plans", "--publish"], "two different people"),
            (["load_plans", "--publish", "--by", "writer", "--approved-by", "nobody"], "no user “nobody”"),
            (["load_plans", "--publish", "--by", "approver", "--approved-by", "approver"], "their own revision"),
            (["load_plans", "--publish", "--by", "approver", "--approved-by", "writer"], "a manager does that"),
            (["export_plan", "nothing"], "no such revision"),
        ],
    )
    def test_refusals(self, writer: User, approver: User, arguments: list[str], message: str) -> None:
        with pytest.raises(CommandError, match=message):
            run(*arguments)
        assert not PlanRevision.objects.exists()


class TestSnapshots:
    def test_are_read_once(self, small: Document, publish: Publish, django_assert_num_queries: Any) -> None:
        one, two = publish(small), publish({**small, "slug": "other"})
        with django_assert_num_queries(1):
            loaded = snapshots.load([one.pk, two.pk])
        assert {(snapshot.slug, snapshot.number) for snapshot in loaded.values()} == {("small", 1), ("other", 1)}
        with django_assert_num_queries(0):
            assert snapshots.load([one.pk, two.pk])[one.pk].compiled is loaded[one.pk].compiled

    def test_of_drafts_are_never_kept(self, small: Document, writer: User) -> None:
        draft = services.load(small, by=writer).revision
        assert snapshots.load([draft.pk])[draft.pk].step_title("look") == "Look"
        small["steps"][0]["title"] = {"en": "Look twice"}
        services.load(small, by=writer)
        assert snapshots.load([draft.pk])[draft.pk].step_title("look") == "Look twice"

    def test_give_titles_in_the_readers_language(self, writer: User, approver: User) -> None:
        run("load_plans", "--publish", "--by", "writer", "--approved-by", "approver")
        pk = selectors.published("power-cut").pk
        snapshot = snapshots.load([pk])[pk]
        with translation.override("en"):
            assert snapshot.rule_title("power-5") == "Power still off after 5 minutes"
            assert snapshot.step_title("power-cut.patrol") == "Patrol for trips and short circuits"
        with translation.override("zh-hans"):
            assert snapshot.rule_title("power-5") == "断电已持续 5 分钟"
            assert "断电满 5 分钟" in snapshot.rule_title("due-phone-superior")

    def test_of_nothing_are_not_found(self) -> None:
        with pytest.raises(NotFound):
            snapshots.load([0])

    def test_revisions_are_found_by_the_names_events_use(self, small: Document, publish: Publish) -> None:
        revision = publish(small)
        assert snapshots.revision_ids([("small", 1), ("small", 2)]) == {("small", 1): revision.pk}


class TestGroups:
    def test_the_catalogue_leaves_alone_what_somebody_changed(self) -> None:
        services.ensure_catalogue()
        Group.objects.filter(key="G-TECH").update(name={"en": "Our technicians"})
        services.ensure_catalogue()
        assert Group.objects.get(key="G-TECH").name == {"en": "Our technicians"}
        assert Group.objects.count() == len(catalogue.GROUPS)
