"""What is published is what is there: names, floors of dependencies, and a light client."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import greencloud
from greencloud.errors import GreencloudError

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.mark.parametrize("name", greencloud.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(greencloud, name) is not None


def test_the_version_is_that_of_the_distribution() -> None:
    assert PROJECT["version"] == greencloud.__version__


def test_floors_of_dependencies_are_those_of_the_generated_code() -> None:
    """Generated code refuses runtimes older than its generator, so the floors must not be lower."""
    floors = dict(re.findall(r"(\w+)>=([\d.]+)", " ".join(PROJECT["dependencies"])))
    generated = ROOT / "sdk" / "greencloud" / "v1"
    message = (generated / "quantity_pb2.py").read_text()
    version = re.search(r"Protobuf Python Version: ([\d.]+)", message)
    stub = (generated / "goal_service_pb2_grpc.py").read_text()
    grpc_version = re.search(r"GRPC_GENERATED_VERSION = '([\d.]+)'", stub)

    assert version
    assert grpc_version
    assert (floors["protobuf"], floors["grpcio"]) == (version[1], grpc_version[1])


def test_importing_the_client_pulls_no_heavy_library() -> None:
    heavy = {"pyarrow", "duckdb", "deltalake", "pandas", "jwt", "rich"}
    code = f"import sys, greencloud.client; print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_the_plugin_and_the_server_spell_attributes_alike() -> None:
    """The names are written twice, because a dependency between the two would cost customers more than a few strings."""
    plugin = importlib.import_module("greencloud_otel._semconv")
    server = importlib.import_module("greencloud.telemetry.semconv")

    spelled = {value for name, value in vars(plugin).items() if name.isupper() and str(value).startswith("greencloud.")}
    known = {value for name, value in vars(server).items() if name.isupper() and str(value).startswith("greencloud.")}
    assert {"greencloud.cpu.time", "greencloud.quality"} <= spelled & known


def errors() -> list[type[GreencloudError]]:
    found, queue = [], [GreencloudError]
    while queue:
        kind = queue.pop()
        found.append(kind)
        queue += kind.__subclasses__()
    return found


def test_the_tree_of_errors_in_the_docstring_is_the_tree_in_the_code() -> None:
    doc = importlib.import_module("greencloud.errors").__doc__ or ""

    builtin = {"ValueError", "ArithmeticError", "ImportError", "LookupError", "TimeoutError"}
    drawn = set(re.findall(r"\b(\w+Error)\b", doc)) - builtin
    assert {kind.__name__ for kind in errors() if kind.__module__.startswith("greencloud.errors.")} == drawn


def test_reasons_are_unique_upper_snake_words() -> None:
    reasons = [kind.reason for kind in errors() if kind.__module__.startswith("greencloud.errors.")]

    assert len(reasons) == len(set(reasons))
    assert all(re.fullmatch(r"[A-Z][A-Z_]+", reason) for reason in reasons)
