"""What Prometheus Alertmanager sends to a webhook (version 4), as figures: each alert's name becomes a metric that is 1
while the alert is on and 0 when it is over."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from incidents.models.signals import ALERT

FIRING = "firing"
Alerts = Sequence[Mapping[str, Any]]
Firing = Mapping[str, Sequence[str]]  # metric -> fingerprints of the alerts that are on


def figures(alerts: Alerts, firing: Firing) -> tuple[list[tuple[str, float, datetime]], dict[str, list[str]]]:
    """The figures (metric, value, time) of these alerts, and which are on now. One alert of a name that is over says
    nothing while another of the same name is on, sent together with it or before."""
    on = {metric: set(prints) for metric, prints in firing.items()}
    found: list[tuple[str, float, datetime]] = []
    ended: dict[str, datetime] = {}
    for alert in alerts:
        metric = f"{ALERT}{alert['labels']['alertname']}"
        known = on.setdefault(metric, set())
        if alert["status"] == FIRING:
            known.add(alert["fingerprint"])
            found.append((metric, 1.0, alert["startsAt"]))
        else:
            known.discard(alert["fingerprint"])
            ended[metric] = max(alert["endsAt"], ended.get(metric, alert["endsAt"]))
    found += [(metric, 0.0, at) for metric, at in ended.items() if not on[metric]]
    return found, {metric: sorted(prints) for metric, prints in on.items() if prints}
