"""The scripts of examples/, as modules, and the published recordings that they read.

The recordings are in the folder that GREENCLOUD_SHARED_DATA names, else in ../shared/data beside the repository; they are not part
of it, and tests that need them are skipped where they are not.
"""

from __future__ import annotations

import csv
import gzip
import importlib.util
import os
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("GREENCLOUD_SHARED_DATA", ROOT.parent / "shared" / "data"))
GRID = DATA / "grid" / "caiso_2023_hourly.csv.gz"


def example(folder: str, script: str = "convert") -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{folder}_{script}", ROOT / "examples" / folder / f"{script}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def needs(recording: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not (DATA / recording).is_dir(), reason=f"no recording {recording} in {DATA}")


@cache
def published(name: str) -> list[dict[str, str]]:
    """The rows of a gzip-compressed CSV file, as "gpu_cluster/pods.csv.gz". Read once; not to be changed."""
    with gzip.open(DATA / name, "rt", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def csv_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
