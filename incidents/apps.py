from django.apps import AppConfig


class IncidentsConfig(AppConfig):
    name = "incidents"

    def ready(self) -> None:
        from contactops.celery import app
        from incidents import checks  # noqa: F401  registers the deploy check
        from incidents.clock import ClockStep
        from incidents.notify.postman import PostmanStep

        app.steps["worker"].update({ClockStep, PostmanStep})
