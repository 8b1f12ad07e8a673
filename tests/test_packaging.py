"""The sdist builds into a wheel, and the wheel installs bare and holds nothing that does not belong there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from greencloud.testing import Server

ROOT = Path(__file__).parents[1]
LOWEST = ("grpcio==1.75.1", "protobuf==6.31.1")  # the floors of pyproject.toml: customers on protobuf 6 can install the client
HIGHEST = ("grpcio<2", "protobuf<8")

ASKING = """
import asyncio, sys
from datetime import datetime
from greencloud.client import AsyncClient, Client
from greencloud.errors import MissingExtraError, RemoteError

target, token, start, end = sys.argv[1:]
asked = {"start": datetime.fromisoformat(start), "end": datetime.fromisoformat(end), "group_by": ["service"]}

async def total():
    async with AsyncClient(target, token=token) as client:
        return await client.query_footprint(**asked).total()

with Client(target, token=token) as client:
    rows = client.query_footprint(**asked)
    assert rows.total() == asyncio.run(total())
    try:
        rows.to_arrow()
    except MissingExtraError as error:
        assert error.extra == "arrow"
    else:
        raise AssertionError("no extra was installed")
    try:
        client.get_statement("2025-01")
    except RemoteError as error:
        assert error.request_id and error.reason == "NOT_FOUND", vars(error)
    print(rows.total().energy.millijoules)
"""


def build(source: Path, out: Path) -> Path:
    """sdist, then a wheel from that sdist, each in an environment of its own with what pyproject.toml asks for."""
    run(sys.executable, "-m", "build", "--outdir", str(out), str(source))
    return next(out.glob("*.whl"))


def run(*command: str) -> str:
    # What is installed is tested, and not what a checkout may have put in the way.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {
        "PIP_DISABLE_PIP_VERSION_CHECK": "1"
    }
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def fresh(tmp_path: Path, *packages: str, base: str = sys.executable) -> Path:
    """The interpreter of a new virtual environment with only these installed."""
    run(base, "-m", "venv", str(tmp_path / "fresh"))
    python = tmp_path / "fresh" / "bin" / "python"
    run(str(python), "-m", "pip", "install", "--quiet", *packages)
    return python


def clean_copy(tmp_path: Path, relative: str) -> Path:
    """A copy without what an editable install leaves behind, as a clone has it."""
    ignore = shutil.ignore_patterns(
        ".venv", ".git", "build", "dist", "*.egg-info", "node_modules", ".*_cache", ".hypothesis", "__pycache__"
    )
    return Path(shutil.copytree(ROOT / relative, tmp_path / "source", ignore=ignore))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    return build(clean_copy(folder, "."), folder / "dist")


@pytest.mark.packaging
@pytest.mark.timeout(600)
@pytest.mark.parametrize("versions", [LOWEST, HIGHEST], ids=["lowest", "highest"])
def test_the_bare_client_asks_a_server_with_the_lowest_and_the_highest_libraries(
    wheel: Path, tmp_path: Path, versions: tuple[str, ...]
) -> None:
    python = fresh(tmp_path, str(wheel), *versions)
    with Server() as server:
        period = (server.start.isoformat(), server.end.isoformat())
        printed = run(str(python), "-W", "error", "-c", ASKING, server.target, server.token("acme"), *period)
        with server.client("acme") as client:
            wanted = client.query_footprint(start=server.start, end=server.end).total().energy.millijoules

    assert int(printed) == wanted


@pytest.mark.packaging
@pytest.mark.timeout(600)
def test_the_greencloud_wheel_installs_bare_and_holds_only_what_belongs_there(wheel: Path, tmp_path: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0].split("-")[0] for name in names}
    assert tops == {"greencloud"}
    ours = [name for name in names if not name.startswith("greencloud/testing/")]
    assert not [
        name for name in ours if name.endswith((".pyx", ".pxd", ".c", ".h", ".proto")) or re.search(r"\btests?\b|/test_", name)
    ]
    assert "greencloud/testing/facility.toml" in names
    page = {"style.css", "templates/view.html.jinja", "texts/app.toml"}
    assert {f"greencloud/page/{name}" for name in page} | {"greencloud/report/page/style.css"} <= set(names)
    plugins = zipfile.ZipFile(wheel).read(next(name for name in names if name.endswith("entry_points.txt"))).decode()
    assert "[pytest11]\ngreencloud = greencloud.testing.plugin" in plugins
    assert [name for name in names if name.endswith("_pb2_grpc.py")]
    compiled = {name.split(".")[0] for name in names if name.endswith(".so")}
    assert compiled == {f"greencloud/{source.stem}" for source in (ROOT / "ext" / "greencloud").glob("*.pyx")}

    python = fresh(tmp_path, str(wheel), *LOWEST)
    assert run(str(python), "-m", "greencloud", "--version").startswith("greencloud ")
    run(str(python), "-c", "import greencloud.client")
    refused = subprocess.run([str(python), "-m", "greencloud", "serve", "--data", "x"], capture_output=True, text=True, check=False)
    assert "pip install 'greencloud[server]'" in refused.stderr


@pytest.mark.packaging
@pytest.mark.timeout(600)
def test_the_plugin_wheel_holds_only_the_plugin(tmp_path: Path) -> None:
    wheel = build(clean_copy(tmp_path, "plugins"), tmp_path / "dist")

    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"greencloud_otel"}
    assert not [name for name in names if "test" in name or name.endswith((".pyx", ".pxi", ".c"))]
    assert [name for name in names if name.startswith("greencloud_otel/_compiled.")]

    python = fresh(tmp_path, str(wheel))
    run(str(python), "-c", "from greencloud_otel import GreencloudInstrumentor; GreencloudInstrumentor().instrument()")
    assert run(str(python), "-c", "from greencloud_otel import _owner; print(_owner.CORE)").strip() == "compiled"


@pytest.mark.packaging
@pytest.mark.timeout(600)
@pytest.mark.parametrize("why", ["no compiler", "on purpose"])
def test_the_plugin_builds_without_its_compiled_core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    monkeypatch.setenv(*{"no compiler": ("CC", "false"), "on purpose": ("GREENCLOUD_OTEL_PURE", "1")}[why])
    wheel = build(clean_copy(tmp_path, "plugins"), tmp_path / "dist")

    assert not [name for name in zipfile.ZipFile(wheel).namelist() if name.endswith((".so", ".pyx", ".pxi", ".c"))]
    if why == "on purpose":
        assert wheel.name.endswith("-py3-none-any.whl")
    python = fresh(tmp_path, str(wheel))
    assert run(str(python), "-c", "from greencloud_otel import _owner; print(_owner.CORE)").strip() == "python"


# The floors of plugins/pyproject.toml, and whatever is newest. In between the SDK has frozen a span's attributes at three moments.
SDKS = {
    "oldest": (
        "opentelemetry-sdk==1.30.0",
        "opentelemetry-instrumentation==0.51b0",
        "opentelemetry-distro==0.51b0",
        "wrapt==1.14.1",
    ),
    "1.41": ("opentelemetry-sdk==1.41.1", "opentelemetry-instrumentation==0.62b1", "opentelemetry-distro==0.62b1"),
    "newest": ("opentelemetry-sdk", "opentelemetry-instrumentation", "opentelemetry-distro"),
}


@pytest.mark.packaging
@pytest.mark.timeout(900)
@pytest.mark.parametrize("sdk", SDKS)
def test_the_plugin_passes_its_tests_on_the_oldest_and_the_newest_sdk(tmp_path: Path, sdk: str) -> None:
    source = clean_copy(tmp_path, "plugins")
    wheel = build(source, tmp_path / "dist")
    python = fresh(tmp_path, f"greencloud-otel[test] @ {wheel.as_uri()}", *SDKS[sdk])

    assert "[100%]" in plugin_tests(python, source, tmp_path)


def plugin_tests(python: Path, source: Path, tmp_path: Path, *names: str) -> str:
    """What the plugin's tests print, or these of them, on what is installed."""
    tests = Path(shutil.move(source / "tests", tmp_path / "tests"))  # away from the source
    options = ("-q", "-c", os.devnull, "--rootdir", str(tests), "--import-mode=importlib", "-p", "no:cacheprovider", "-W", "error")
    return run(str(python), "-m", "pytest", *options, *(str(tests / name) for name in names or ("",)))


def other_python(version: str) -> str:
    """An interpreter of that version with what a virtual environment needs: on the path, or pyenv's."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    installed = sorted(root.glob(f"versions/{version}.*/bin/python"))
    for found in [shutil.which(f"python{version}"), *map(str, reversed(installed))]:
        # A shim of pyenv's is there for versions that are not switched on as well.
        if found and not subprocess.run([found, "-c", "import ensurepip, venv"], capture_output=True, check=False).returncode:
            return found
    pytest.skip(f"no Python {version} here")


@pytest.mark.packaging
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("version", [version for version in ("3.12", "3.13", "3.14") if version != f"3.{sys.version_info.minor}"])
def test_the_plugin_is_as_exact_on_every_other_python(tmp_path: Path, version: str) -> None:
    base = other_python(version)
    source = clean_copy(tmp_path, "plugins")
    python = fresh(tmp_path, f"greencloud-otel[test] @ {source.as_uri()}", base=base)
    assert run(str(python), "-c", "from greencloud_otel import _owner; print(_owner.CORE)").strip() == "compiled"

    exact = ("accuracy", "core", "edges", "process", "schedulers", "watcher")
    assert "[100%]" in plugin_tests(python, source, tmp_path, *(f"test_plugin_{name}.py" for name in exact))
