"""The administrator's pages: health, what is sent, and the e-mails that no server took."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.mail import get_connection
from django.core.mail.message import EmailMessage

from incidents import auditor
from incidents.models import AuditFinding, ClockBeat, Incident, Timer
from incidents.notify import mailbox
from incidents.times import db_now
from tests.helpers import Api, Clock
from tests.pages.conftest import Browser, hidden

Apis = Callable[[str], Api]
PATHS = ("/system/", "/system/outbox/", "/system/mail/")


@pytest.mark.parametrize("path", PATHS)
def test_who_may(browser_as: Browser, path: str) -> None:
    for username, status in (("admin", 200), ("auditor", 200), ("supervisor", 403), ("manager", 403), ("agent", 403)):
        assert browser_as(username).get(path).status_code == status, username


def test_health_says_what_is_wrong(browser_as: Browser) -> None:
    admin = browser_as("admin")
    assert "has never looked" in admin.get("/system/").content.decode()
    ClockBeat.objects.create(worker="leeds-1", looked_at=db_now())
    page = admin.get("/system/").content.decode()
    assert "has never looked" not in page
    assert "leeds-1" in page


class TestWhatTheAuditorFound:
    @pytest.fixture
    def finding(self, api: Apis, clock: Clock) -> AuditFinding:
        """A row was deleted by hand, and the auditor has been through. The time stands still, so that no clock is silent."""
        ClockBeat.objects.create(worker="leeds-1", looked_at=db_now())
        ref = api("agent").report("power-cut")
        Timer.objects.filter(incident__ref=ref).latest("pk").delete()
        assert auditor.audit()
        return AuditFinding.objects.get()

    def test_stands_on_every_page_of_those_who_run_the_console(
        self, browser_as: Browser, finding: AuditFinding
    ) -> None:
        for username, told in (("admin", True), ("auditor", True), ("supervisor", False), ("agent", False)):
            browser = browser_as(username)
            for address in ("/plans/", "/banner/", "/inbox/"):
                page = browser.get(address).content.decode()
                assert ("The auditor found" in page) == told, (username, address)
                assert 'data-alarm="audit"' in page  # so that no page asks for the banner again and again
        assert browser_as("admin").get("/banner/?alarm=audit").status_code == 204
        assert browser_as("admin").get("/pulse/").json()["alarm"] == "audit"
        assert "The auditor found" in browser_as("admin").get("/admin/").content.decode()

    def test_is_named_with_what_was_wrong(self, browser_as: Browser, finding: AuditFinding) -> None:
        page = browser_as("auditor").get("/system/").content.decode()
        assert "A promise was missing from the ledger" in page
        assert finding.key in page
        assert f'href="/incidents/{finding.incident.ref}/"' in page
        assert 'action="/system/findings/"' not in page  # who only looks has no button

    def test_until_somebody_says_that_they_have_seen_it(self, browser_as: Browser, finding: AuditFinding) -> None:
        for username in ("auditor", "supervisor", "manager", "agent"):
            assert browser_as(username).post("/system/findings/", {"up_to": finding.pk}).status_code == 403, username
        admin = browser_as("admin")
        page = admin.get("/system/").content.decode()
        assert hidden(page, "up_to") == str(finding.pk)
        for wrong in ("", "x", "-1", "²", "9" * 40):
            assert admin.post("/system/findings/", {"up_to": wrong}).status_code == 302
        finding.refresh_from_db()
        assert finding.seen_at is None
        assert admin.post("/system/findings/", {"up_to": finding.pk})["Location"] == "/system/#findings"
        page = admin.get("/system/").content.decode()
        assert "The auditor found the ledger" not in page
        assert f"seen by {finding.__class__.objects.get().seen_by}" in page

    def test_of_a_restricted_incident_it_is_not_said_which(self, browser_as: Browser, finding: AuditFinding) -> None:
        Incident.objects.update(restricted=True)
        page = browser_as("admin").get("/system/").content.decode()
        assert "an incident you may not see" in page
        assert finding.incident.ref not in page


def test_the_metrics_count_findings(browser_as: Browser, api: Apis) -> None:
    def value(name: str) -> float:
        page = browser_as("admin").get("/metrics").content.decode()
        return float(next(line.split()[1] for line in page.splitlines() if line.startswith(f"{name} ")))

    assert value("contactops_audit_last_seconds") == float("inf")
    Timer.objects.filter(incident__ref=api("agent").report("power-cut")).latest("pk").delete()
    assert auditor.audit()
    assert value("contactops_audit_findings_total") == 1
    assert value("contactops_audit_last_seconds") < 60


def test_the_outbox_names_each_message_and_what_became_of_it(browser_as: Browser, api: Apis) -> None:
    ref = api("agent").report("power-cut")
    admin = browser_as("admin")
    page = admin.get("/system/outbox/").content.decode()
    assert ref in page
    assert ref not in admin.get("/system/outbox/?state=failed").content.decode()
    for wrong in ("state=nothing", "channel=pigeon", "page=x"):
        assert admin.get(f"/system/outbox/?{wrong}").status_code == 200


class TestMail:
    @pytest.fixture
    def folder(self, tmp_path: Path, settings: Any) -> Path:
        settings.EMAIL_URL, settings.EMAIL_FILE_PATH = "", str(tmp_path)
        return tmp_path

    def send(self, ref: str, subject: str, body: str = "Half the floor is dark") -> None:
        backend = get_connection("django.core.mail.backends.filebased.EmailBackend")
        headers = {mailbox.INCIDENT: ref}
        EmailMessage(
            subject, body, "console@example.org", ["sara@example.org"], connection=backend, headers=headers
        ).send()

    def test_is_listed_and_read(self, browser_as: Browser, api: Apis, folder: Path) -> None:
        self.send(api("agent").report("power-cut"), "停电：二楼", "<b>Go</b> to rows 1–4\n" + "-" * 78)
        admin = browser_as("admin")
        page = admin.get("/system/mail/").content.decode()
        assert "停电：二楼" in page
        key = page.partition("/system/mail/")[2] and page.split('href="/system/mail/')[-1].partition('/"')[0]
        letter = admin.get(f"/system/mail/{key}/").content.decode()
        assert "&lt;b&gt;Go&lt;/b&gt; to rows 1–4" in letter

    def test_of_a_restricted_incident_is_for_those_who_are_named(
        self, browser_as: Browser, api: Apis, folder: Path
    ) -> None:
        ref = api("agent").report("power-cut")
        self.send(ref, "A quiet matter")
        self.send("", "Of no incident")
        [letter] = [mail for mail in mailbox.newest(10) if mail.ref]
        admin = browser_as("admin")
        assert admin.get(f"/system/mail/{letter.key}/").status_code == 200
        Incident.objects.filter(ref=ref).update(restricted=True)
        page = admin.get("/system/mail/").content.decode()
        assert "A quiet matter" not in page
        assert "Of no incident" not in page
        assert admin.get(f"/system/mail/{letter.key}/").status_code == 404

    def test_none_yet(self, browser_as: Browser, folder: Path) -> None:
        assert "No e-mail has been written yet." in browser_as("admin").get("/system/mail/").content.decode()

    @pytest.mark.parametrize("key", ["x.log-0", "x.log-99", "..%2F..%2Fetc%2Fpasswd", "x", "x.log--1"])
    def test_there_is_no_such(self, browser_as: Browser, folder: Path, key: str) -> None:
        assert browser_as("admin").get(f"/system/mail/{key}/").status_code == 404

    def test_with_a_server_none_are_kept(self, browser_as: Browser, settings: Any) -> None:
        settings.EMAIL_URL = "smtp://127.0.0.1:25"
        page = browser_as("admin").get("/system/mail/").content.decode()
        assert "none are kept here" in page


def test_the_style_guide_shows_every_component(browser_as: Browser) -> None:
    page = browser_as("agent").get("/styleguide/").content.decode()
    for part in ("level-1", "drill", "problems", 'class="left', "mark-done", "segments", "tile"):
        assert part in page, part
