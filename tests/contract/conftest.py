"""Incidents for the tests of the interfaces, made by the verbs."""

from tests.incidents.conftest import assessing, make, reported, responding

__all__ = ["assessing", "make", "reported", "responding"]
