"""Letters that try a way to reach somebody: a test, and the code that proves an address to be one's own."""

import uuid

from django.utils.translation import gettext as _

from contactops.accounts.models import ContactPoint
from incidents.notify.gateways import Letter


def test_letter(channel: str, address: str, site_id: int | None) -> Letter:
    """In the language in force: that of whoever asks for it."""
    said = _("This is a test of the channel. Nothing has happened and nothing is to be done.")
    return _letter(channel, address, site_id, _("ContactOps test"), said)


def code_letter(point: ContactPoint, code: str) -> Letter:
    said = _("Your code is %(code)s. Type it in the console under My contact points within ten minutes.") % {
        "code": code
    }
    return _letter(point.channel, point.address, point.user.site_id, _("ContactOps code"), said)


def _letter(channel: str, address: str, site_id: int | None, subject: str, said: str) -> Letter:
    return Letter(
        key=f"test:{uuid.uuid4()}",
        channel=channel,
        address=address,
        subject=subject,
        body=said,
        short=f"{subject}: {said}",
        headers={"Auto-Submitted": "auto-generated"},
        site_id=site_id,
    )
