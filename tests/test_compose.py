"""compose.yaml, the Dockerfile and env.example: valid by the specification, closed by default, true to the code."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import typer.main
import yaml
from pydantic_settings import BaseSettings

import api.settings
from api.cli import app
from api.settings import PREFIX

ROOT = Path(__file__).resolve().parent.parent
FILES = ("compose.yaml", "deploy/kafka-three.yaml")
GIVEN = {"POSTGRES_PASSWORD": "given-for-the-test", "KAFKA_CLUSTER_ID": "given-for-the-test"}
ONE_SHOT = {"migrate", "topics"}
VARIABLE = re.compile(r"\$(?:(?P<escaped>\$)|\{(?P<name>\w+)(?:(?P<operator>:?[-?])(?P<rest>[^}]*))?\})")


def interpolate(text: str, values: dict[str, str]) -> str:
    """What compose makes of ``${NAME}``, ``${NAME:-default}``, ``${NAME:?message}`` and ``$$``.

    Raises:
        KeyError: If a variable that must be given is not.
    """

    def value_of(match: re.Match[str]) -> str:
        if match["escaped"]:
            return "$"
        given = values.get(match["name"], "")
        if not given and (match["operator"] or "").endswith("?"):
            raise KeyError(f"{match['name']}: {match['rest']}")
        return given or (match["rest"] if (match["operator"] or "").endswith("-") else "")

    return VARIABLE.sub(value_of, text)


def compose(name: str, values: dict[str, str]) -> dict[str, Any]:
    """The parsed compose file with its variables replaced in every string, as compose does after parsing."""

    def replace(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: replace(value) for key, value in node.items()}
        if isinstance(node, list):
            return [replace(value) for value in node]
        return interpolate(node, values) if isinstance(node, str) else node

    document: dict[str, Any] = replace(yaml.safe_load((ROOT / name).read_text()))
    return document


SERVICES: dict[str, dict[str, Any]] = compose("compose.yaml", GIVEN)["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("gridpilot:")}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """The compose specification's own JSON schema, as check-jsonschema carries it (Apache-2.0)."""
    text = files("check_jsonschema").joinpath("builtin_schemas", "vendor", "compose-spec.json").read_text("utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@pytest.mark.parametrize("name", FILES)
def test_file_is_valid_by_the_compose_specification(name: str, schema: dict[str, Any]) -> None:
    jsonschema.validators.validator_for(schema)(schema).validate(compose(name, GIVEN))


def test_a_misspelt_key_is_found(schema: dict[str, Any]) -> None:
    document = compose("compose.yaml", GIVEN)
    document["services"]["api"]["heathcheck"] = {}
    with pytest.raises(jsonschema.ValidationError, match="heathcheck"):
        jsonschema.validators.validator_for(schema)(schema).validate(document)


@pytest.mark.parametrize("missing", sorted(GIVEN))
def test_no_secret_has_a_default(missing: str) -> None:
    with pytest.raises(KeyError, match=f"{missing}: set it in .env"):
        compose("compose.yaml", {name: value for name, value in GIVEN.items() if name != missing})


def test_secrets_in_the_example_are_empty_and_every_variable_stands_there() -> None:
    text = (ROOT / "deploy/env.example").read_text()
    listed = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", text, flags=re.MULTILINE))
    used = {m["name"] for name in FILES for m in VARIABLE.finditer((ROOT / name).read_text()) if m["name"]}
    assert {name: listed[name] for name in GIVEN} == dict.fromkeys(GIVEN, "")
    assert used - set(listed) == set()
    assert set(listed) - used == set()


def test_defaults_in_the_example_are_those_in_force() -> None:
    text = (ROOT / "deploy/env.example").read_text()
    shown = dict(re.findall(r"^#([A-Z_]+)=(.*)$", text, flags=re.MULTILINE))
    in_force = {
        m["name"]: m["rest"] for m in VARIABLE.finditer((ROOT / "compose.yaml").read_text()) if m["operator"] == ":-"
    }
    assert {name: value for name, value in in_force.items() if shown[name] != value} == {}


def test_no_password_stands_in_a_tracked_file() -> None:
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|TOKEN", variable):
                assert value == GIVEN["POSTGRES_PASSWORD"], f"{name}: {variable}"
    literal = re.compile(r"postgres(?:ql)?://[^:@\s]+:(?!\$\{|password@)[^@\s]+@")
    for path in [ROOT / name for name in (*FILES, "Dockerfile", "deploy/env.example")]:
        assert not literal.search(path.read_text()), path


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_service_is_checked_or_runs_once(name: str) -> None:
    service = SERVICES[name]
    if name in ONE_SHOT:
        assert service["restart"] == "no"
    else:
        assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
        assert service["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_service_has_bounds_on_memory_log_and_privileges(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"\d+[mg]", service["deploy"]["resources"]["limits"]["memory"])
    assert service["logging"]["options"]["max-size"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert not service.get("privileged")


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_processes_run_without_root_and_without_a_writable_root(name: str) -> None:
    service = OURS[name]
    assert service["user"] == "10001:10001"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["init"] is True


def test_only_the_api_is_published_and_only_to_this_host() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"api": ["127.0.0.1:8000:8000"]}
    assert compose("compose.yaml", GIVEN)["networks"]["backend"]["internal"] is True


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_dependencies_name_a_state_that_they_can_reach(name: str) -> None:
    for other, wanted in SERVICES[name].get("depends_on", {}).items():
        once = "service_completed_successfully"
        assert wanted["condition"] == (once if other in ONE_SHOT else "service_healthy"), other


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_command_exists(name: str) -> None:
    group = typer.main.get_command(app)
    command, *rest = OURS[name]["command"]
    found = group.commands[command]  # type: ignore[attr-defined]
    known = {option for parameter in found.params for option in parameter.opts}
    assert {word for word in rest if word.startswith("--")} <= known


def settings_names() -> set[str]:
    """Every ``GRIDPILOT_*`` that some process reads."""
    return {
        PREFIX + field.upper()
        for kind in vars(api.settings).values()
        if isinstance(kind, type) and issubclass(kind, BaseSettings)
        for field in kind.model_fields
    }


def test_every_setting_that_is_passed_exists() -> None:
    passed = {
        variable
        for service in OURS.values()
        for variable in service.get("environment", {})
        if variable.startswith(PREFIX)
    }
    passed |= set(re.findall(r"\b(GRIDPILOT_[A-Z_]+)=", (ROOT / "Dockerfile").read_text()))
    assert passed - settings_names() == set()
    assert passed


def test_every_named_volume_and_network_is_declared() -> None:
    document = compose("compose.yaml", GIVEN)
    volumes = {v.split(":")[0] for s in SERVICES.values() for v in s.get("volumes", []) if not v.startswith((".", "/"))}
    networks = {network for service in SERVICES.values() for network in service["networks"]}
    assert volumes == set(document["volumes"])
    assert networks == set(document["networks"])


@pytest.mark.parametrize("image", sorted({service["image"] for service in SERVICES.values()}))
def test_images_are_pinned_to_a_version(image: str) -> None:
    assert re.fullmatch(r"[\w./-]+:\d+\.\d+\.\d+[\w.-]*", image)


def test_dockerfile_pins_its_base_and_leaves_root() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^ARG PYTHON_IMAGE=python:3\.\d+\.\d+-slim-\w+$", text, flags=re.MULTILINE)
    final = text.split("FROM ")[-1]
    assert re.search(r"^USER gridpilot$", final, flags=re.MULTILINE)
    assert re.search(r"^HEALTHCHECK ", final, flags=re.MULTILINE)
    assert "-c constraints.txt" in text


def test_the_image_holds_every_package_and_nothing_else_of_the_checkout() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        source
        for line in (ROOT / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    }
    assert copied == allowed
    assert {"grid", "ingest", "forecasting", "api", "constraints.txt"} <= copied


def test_three_brokers_take_the_place_of_one() -> None:
    three = compose("deploy/kafka-three.yaml", GIVEN)["services"]
    brokers = {name: service for name, service in three.items() if name.startswith("kafka")}
    assert sorted(brokers) == ["kafka", "kafka-2", "kafka-3"]
    nodes = [broker["environment"]["KAFKA_NODE_ID"] for broker in brokers.values()]
    voters = {broker["environment"]["KAFKA_CONTROLLER_QUORUM_VOTERS"] for broker in brokers.values()}
    assert sorted(nodes) == ["1", "2", "3"]
    assert voters == {"1@kafka:9093,2@kafka-2:9093,3@kafka-3:9093"}
    single = SERVICES["kafka"]["environment"]
    assert {name for broker in brokers.values() for name in set(single) - set(broker["environment"])} == set()
    for name, broker in brokers.items():
        assert broker.get("image", SERVICES["kafka"]["image"]) == SERVICES["kafka"]["image"]
        assert broker["environment"]["KAFKA_ADVERTISED_LISTENERS"] == f"PLAINTEXT://{name}:9092"
