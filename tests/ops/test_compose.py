"""The production composition: every command in it exists, every variable is read, the deploy check passes."""

import importlib.metadata
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

BASE = Path(__file__).resolve().parent.parent.parent
OURS = ["migrate", "web", "worker", "beat"]
SECRETS = ("SECRET_KEY", "POSTGRES_PASSWORD", "REDIS_PASSWORD")


def example() -> dict[str, str]:
    """What .env.example says, with the secrets filled in as it asks for."""
    lines = (BASE / ".env.example").read_text().splitlines()
    values = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert all(values[name] == "" for name in SECRETS), "a secret in the repository is none"
    return values | {name: secrets.token_hex(32) for name in SECRETS}


VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?(?::\?[^}]*)?\}")


@cache
def composition() -> dict[str, Any]:
    """docker-compose.yml with its variables filled in, as docker compose does after reading it."""
    values = example()

    def filled(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: filled(value) for key, value in node.items()}
        if isinstance(node, list):
            return [filled(value) for value in node]
        return VARIABLE.sub(lambda m: values.get(m[1]) or m[2] or "", node) if isinstance(node, str) else node

    return dict(filled(yaml.safe_load((BASE / "docker-compose.yml").read_text())))


def test_every_variable_is_explained_in_the_example() -> None:
    used = set(re.findall(r"\$\{(\w+)", (BASE / "docker-compose.yml").read_text()))
    assert used == set(example())


def test_the_services_are_the_ones_promised() -> None:
    services = composition()["services"]
    assert set(services) == {*OURS, "postgres", "redis", "proxy"}
    major = int(re.fullmatch(r"postgres:(\d+)", services["postgres"]["image"])[1])  # type: ignore[index]
    assert major >= 15
    published = {name for name, service in services.items() if "ports" in service}
    assert published == {"proxy"}, "only the proxy is reachable from outside"
    assert "/healthz" in json.dumps(services["web"]["healthcheck"])
    for service in services.values():
        for name in service.get("depends_on", []):
            assert name in services


@pytest.mark.parametrize("name", OURS)
def test_the_settings_read_every_variable(name: str) -> None:
    source = (BASE / "contactops" / "settings.py").read_text()
    read = set(re.findall(r"""env(?:\.\w+)?\(\s*"(\w+)\"""", source))
    assert set(composition()["services"][name]["environment"]) <= read


@pytest.mark.parametrize("name", OURS)
def test_every_command_exists(name: str) -> None:
    words = composition()["services"][name]["command"]
    commands = [words] if words[0] != "sh" else [part.split() for part in words[-1].split("&&")]
    for command in commands:
        assert_runnable(command)


def assert_runnable(command: list[str]) -> None:
    scripts = {entry.name for entry in importlib.metadata.entry_points(group="console_scripts")}
    if command[0] == "python":
        assert command[1] == "manage.py"
        arguments = [sys.executable, "manage.py", *command[2:], "--help"]
    else:
        assert command[0] in scripts
        place = shutil.which(command[0], path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        assert place
        arguments = [place, *command[1:], "--help"]
    answer = subprocess.run(arguments, cwd=BASE, capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode == 0, answer.stderr


def test_the_web_command_serves_our_application() -> None:
    command = composition()["services"]["web"]["command"]
    module, attribute = command[1].split(":")
    source = (BASE / module.replace(".", "/")).with_suffix(".py").read_text()
    assert f"def {attribute}(" in source


def test_the_image_starts_the_same_web_server() -> None:
    lines = (BASE / "Dockerfile").read_text()
    command = json.loads(re.search(r"^CMD (\[.*\])$", lines, re.MULTILINE)[1])  # type: ignore[index]
    assert_runnable(command)
    for source in re.findall(r"^COPY (\S+) ", lines, re.MULTILINE):
        assert (BASE / source).exists()


@pytest.mark.parametrize("name", ["web", "worker"])
def test_the_deploy_check_passes(name: str, tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path)} | composition()["services"][name][
        "environment"
    ]
    command = [sys.executable, "-W", "error", "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    answer = subprocess.run(command, cwd=BASE, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode == 0, answer.stderr
