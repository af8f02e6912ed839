"""The chat robots of DingTalk and WeCom, which answer 200 to what they refuse and say so in the body only.

Apprise looks at the 200 and calls it delivered; so the URL, the addresses and the signature are Apprise's, and the call
is made here, where the body is read.
"""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import requests
from apprise.plugins.base import NotifyBase
from apprise.plugins.dingtalk import NotifyDingTalk
from apprise.plugins.wecombot import NotifyWeComBot

TOO_FAST = frozenset({45009, 130101})  # more messages in a minute than WeCom or DingTalk allow
_LONGEST = 65_536


@dataclass(frozen=True)
class Answer:
    """What came back: `code` is the robot's own, 0 when it is content; `failed` says that nothing came back, and how."""

    status: int = 0
    code: int = 0
    failed: str = ""


def ask(service: NotifyBase, title: str, body: str) -> Answer | None:
    """What the robot said; nothing when the service is no robot of these."""
    text = f"{title}\n{body}" if title else body
    if isinstance(service, NotifyDingTalk):
        content = {"msgtype": "text", "text": {"content": text}, "at": {"atMobiles": service.targets, "isAtAll": False}}
        return _post(service, service.notify_url.format(token=service.token), content, **_signature(service))
    if isinstance(service, NotifyWeComBot):
        return _post(service, service.api_url, {"msgtype": "text", "text": {"content": text}})
    return None


def _signature(service: NotifyDingTalk) -> dict[str, str]:
    """As query parameters; Apprise's is quoted already, and would be quoted twice."""
    if not service.secret:
        return {}
    stamp, signature = service.get_signature()  # type: ignore[no-untyped-call]
    return {"timestamp": stamp, "sign": unquote(signature)}


def _post(service: NotifyBase, url: str, content: dict[str, Any], **query: str) -> Answer:
    limits = (service.socket_connect_timeout, service.socket_read_timeout)
    try:
        answer = requests.post(
            url, json=content, params=query, timeout=limits, verify=service.verify_certificate, allow_redirects=False
        )
    except requests.Timeout:
        return Answer(failed="timeout")
    except requests.RequestException:
        return Answer(failed="connection")
    return Answer(answer.status_code, _code(answer.content))


def _code(body: bytes) -> int:
    """-1 for a 200 that does not say that it is one."""
    try:
        return int(json.loads(body[:_LONGEST])["errcode"])
    except (ValueError, KeyError, TypeError):
        return -1
