"""What an administrator types to reach a gateway: an Apprise URL with a place for the person's address.

Apprise writes the URL's parts, tokens and passwords among them, into its log. So its logger ends here: what it says is
read by whoever asked it, and reaches no handler of the console's.
"""

import logging
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import quote, urlsplit

import apprise
from apprise.plugins.base import NotifyBase
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from contactops.validators import validate_storable

CONNECT_S, READ_S = 5, 10
HARD_S = 16.0  # for a gateway that keeps sending one byte more; a page waits for 20
ADDRESS = "{address}"
SAMPLES: Mapping[str, str] = {"sms": "+447700900123", "voice": "+447700900123", "dingtalk": "+447700900123"}
WEBHOOKS = frozenset(
    {"json", "jsons", "form", "forms", "xml", "xmls"}
)  # they take headers, and their host is no secret

# What would act on the computer that the console runs on instead of on a gateway.
LOCAL = frozenset({"dbus", "kde", "qt", "glib", "gnome", "macosx", "windows", "syslog", "blink1", "file", "rsyslog"})
_READS_A_FILE = re.compile(r"[?&](template|keyfile|subfile)=|file://", re.IGNORECASE)
_SCHEME = re.compile(r"[a-z0-9]+(?=://)", re.IGNORECASE)

_said = logging.getLogger("apprise")
_said.propagate = False
_said.setLevel(logging.DEBUG)  # how a connection failed is said there only
_said.addHandler(logging.NullHandler())
logging.getLogger("urllib3").setLevel(logging.ERROR)  # below that it writes down whole addresses


def asset() -> apprise.AppriseAsset:
    """As the console uses it: nothing is kept on disk, no redirect is followed (a POST would arrive as a GET and be called
    delivered), and there is an end to every call."""
    return apprise.AppriseAsset(
        app_id="ContactOps",
        app_desc="ContactOps",
        app_url="",
        storage_mode="memory",
        service_timeout=HARD_S,
        http_redirects=False,
        pgp_autogen=False,
        pem_autogen=False,
        async_mode=False,
    )


def check(channel: str, url: str) -> None:
    """Refuse what Apprise would not understand once an address is filled in, and what is no gateway."""
    validate_storable(url)
    scheme = _scheme_of(url)
    if scheme in LOCAL or _READS_A_FILE.search(url):
        raise ValidationError(_("This acts on the console’s own computer and is no gateway."))
    if "{" in url.replace(ADDRESS, ""):
        raise ValidationError(_("Only {address} may stand in braces."))
    if scheme in WEBHOOKS and ADDRESS in _before_the_path(url):
        raise ValidationError(_("The address may not stand in the server’s name, or people would choose the server."))
    if scheme in ("http", "https") and service(url, SAMPLES.get(channel, "123456789")) is None:
        raise ValidationError(_("Write a webhook as json:// instead of http://, or jsons:// instead of https://."))
    if service(url, SAMPLES.get(channel, "123456789")) is None:
        raise ValidationError(
            _("This is not a URL that Apprise understands. See the examples in the operating manual.")
        )


def service(url: str, address: str, key: str = "") -> NotifyBase | None:
    """The gateway for one address; None if the URL is no gateway's, or if the gateway would not take the address and, as
    some do then, write to somebody else instead. `key`: an idempotency key, for those that can carry it."""
    with _complaints() as complaints:
        made = apprise.Apprise.instantiate(_filled(url, address, key), asset=asset())
    if made is None or complaints or made.schemas() & LOCAL:  # type: ignore[no-untyped-call]
        return None
    if ADDRESS in url and getattr(made, "targets", None) == []:
        return None
    made.socket_connect_timeout = min(made.socket_connect_timeout, CONNECT_S)
    made.socket_read_timeout = min(made.socket_read_timeout, READ_S)
    return made


def masked(url: str) -> str:
    """Enough to know it again: what kind it is, and the host of a webhook. Anything else may be a password."""
    scheme = _scheme_of(url)
    host = urlsplit(url).hostname if scheme in WEBHOOKS else ""
    return f"{scheme}://{host}/••••" if host else f"{scheme}://••••"


def _scheme_of(url: str) -> str:
    found = _SCHEME.match(url)
    return found[0].lower() if found else ""


def _before_the_path(url: str) -> str:
    return re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0]


def _filled(url: str, address: str, key: str) -> str:
    """With the address in its place, our limits unless shorter ones are given, and the key."""
    given = {"cto": str(CONNECT_S), "rto": str(READ_S)}
    if key and _scheme_of(url) in WEBHOOKS:
        given["+Idempotency-Key"] = key
    more = [f"{name}={quote(value, safe='')}" for name, value in given.items() if not re.search(rf"[?&]{name}=", url)]
    filled = url.replace(ADDRESS, quote(address, safe=""))
    return "&".join([filled if "?" in filled else f"{filled}?", *more]).replace("?&", "?") if more else filled


class _Complaints(logging.Handler):
    """The warnings of this thread: another one may be talking to Apprise too."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.thread, self.said = threading.get_ident(), list[str]()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self.thread:
            self.said.append(record.getMessage())


@contextmanager
def _complaints() -> Iterator[list[str]]:
    handler = _Complaints()
    _said.addHandler(handler)
    try:
        yield handler.said
    finally:
        _said.removeHandler(handler)
