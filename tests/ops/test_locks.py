"""The lock files hold what pyproject.toml asks for, and nothing about where they were made."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

BASE = Path(__file__).resolve().parent.parent.parent
PROJECT = tomllib.loads((BASE / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
LOCKS = {
    "requirements.lock": PROJECT["dependencies"] + EXTRAS["embedded"],
    "requirements-dev.lock": PROJECT["dependencies"] + EXTRAS["embedded"] + EXTRAS["dev"],
}


def pins(name: str) -> dict[str, str]:
    found = re.findall(r"^([\w.-]+)(?:\[[^]]*\])?==(\S+)", (BASE / name).read_text(), re.MULTILINE)
    return {canonicalize_name(package): version for package, version in found}


@pytest.mark.parametrize("name", LOCKS)
def test_the_lock_satisfies_the_project(name: str) -> None:
    pinned = pins(name)
    for requirement in map(Requirement, LOCKS[name]):
        version = pinned.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} is not in {name}: make lock"
        assert requirement.specifier.contains(version), f"{requirement} is not {version}: make lock"


def test_both_locks_agree() -> None:
    runtime, development = pins("requirements.lock"), pins("requirements-dev.lock")
    assert runtime.items() <= development.items()


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_has_hashes_and_no_place(name: str) -> None:
    text = (BASE / name).read_text()
    assert not re.search(r"https?:|file://|--index-url|--find-links|--trusted-host|@ ", text)
    for block in re.split(r"\n(?=[a-z])", text)[1:]:
        assert "--hash=sha256:" in block, block.splitlines()[0]
