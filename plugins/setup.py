"""Builds what pyproject.toml cannot say: the compiled core, which may be missing.

Where there is no compiler the build goes on without it, and the plugin does the same in Python. ``GREENCLOUD_OTEL_PURE=1``
leaves it out on purpose, for a wheel that installs anywhere (``py3-none-any``).
"""

import os

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext


class BuildCore(build_ext):
    """Leaves no C beside the source."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.cython_c_in_temp = True


CORE = Extension(
    "greencloud_otel._compiled",
    ["greencloud_otel/_compiled.pyx"],
    depends=[f"greencloud_otel/_compiled_{part}.pxi" for part in ("spans", "handover", "watcher")],
    extra_compile_args=["-O3", "-g0"],
    optional=True,
)

setup(ext_modules=[] if os.environ.get("GREENCLOUD_OTEL_PURE") == "1" else [CORE], cmdclass={"build_ext": BuildCore})
