"""What the tests of deploy/ share: whether the command line takes what a file of deploy/ starts; the chart, rendered by Helm's own
library."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest

from greencloud.cli import main

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "helm" / "greencloud"

OWN_VARIABLES = {"KEYS_FROM", "CLOSING_KEYS_FROM", "HEALTH_SERVER", "HEALTH_CA", "HEALTH_NAME", "HOME"}
"""What the files of deploy/ read themselves."""

FOREIGN_VARIABLE = re.compile(
    r"AWS_(ENDPOINT_URL|REGION|ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN)|PYTHON\w+|PATH|(PY)?SPARK_\w+"
)
"""What libraries read: obstore and Delta (AWS_), Python, Spark."""

RENDER = """
import json, sys
import helm_python as helm
with helm.Chart.load(sys.argv[1]) as chart:
    values = json.load(sys.stdin)
    try:
        chart.validate_schema(values)
        json.dump({"manifests": chart.render(values, name="prod", namespace="carbon", is_install=True)}, sys.stdout)
    except helm.HelmError as error:
        json.dump({"refused": str(error)}, sys.stdout)
"""

LEAST: dict[str, Any] = {
    "store": {"uri": "s3://lake/greencloud"},
    "log": {"uri": "nats://nats:4222/greencloud"},
    "keys": {"existingSecret": "greencloud-keys"},
    "tls": {"existingSecret": "greencloud-tls", "serverName": "footprint.example"},
}
"""The values without a default."""


def refusal(words: Iterable[str]) -> str:
    """What the command line would not take of the words after ``greencloud``; "" where it takes them all."""
    left, command, said = list(words), main, ""
    found: click.Command = command
    context = click.Context(main)
    while isinstance(found, click.Group) and left and not left[0].startswith("-"):
        said = f"{said} {left[0]}".strip()
        following = found.get_command(context, left.pop(0))
        if following is None:
            return f"there is no {said}"
        found = following
    options = {name for each in found.params for name in (*each.opts, *each.secondary_opts)} | {"--help"}
    unknown = [word for word in left if word.startswith("--") and word.partition("=")[0] not in options]
    return f"{said} has no {', '.join(unknown)}" if unknown else ""


def unread(variables: Iterable[str]) -> set[str]:
    """Those variables that nothing reads."""
    mine = {name for name in variables if not FOREIGN_VARIABLE.fullmatch(name)} - OWN_VARIABLES
    return {name for name in mine if not re.search(rf"\b{name}\b", _sources())}


@cache
def _sources() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "sdk").rglob("*.py")))


def render(values: dict[str, Any]) -> dict[str, Any]:
    """``manifests`` by file, as text; or why the values were ``refused``. In a process of its own: the library is one of Go."""
    if importlib.util.find_spec("helm_python") is None:
        pytest.skip("Helm's library is not installed: pip install 'greencloud[test]'")
    done = subprocess.run(
        [sys.executable, "-c", RENDER, str(CHART)],
        input=json.dumps(values),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def manifests(values: dict[str, Any]) -> list[dict[str, Any]]:
    """All objects that the chart makes of the values."""
    yaml = pytest.importorskip("yaml")
    found = render(values)
    assert "manifests" in found, found["refused"]
    texts = [text for name, text in found["manifests"].items() if name.endswith(".yaml")]
    return [each for text in texts for each in yaml.safe_load_all(text) if each]


def merged(values: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Values with others on top, as Helm lays them."""
    result = dict(values)
    for key, value in more.items():
        below = result.get(key)
        result[key] = merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result
