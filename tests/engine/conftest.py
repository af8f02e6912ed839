"""The core needs no database: whoever reaches for one here fails."""

from hypothesis import HealthCheck, settings

settings.register_profile("engine", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("engine")
