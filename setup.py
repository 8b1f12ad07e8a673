"""Builds what pyproject.toml cannot say: the Cython core of ``ext/`` and the protobuf modules of ``proto/``.

The three roots share one path, so that nothing generated is renamed or rewritten:
``proto/greencloud/v1`` -> ``greencloud.v1``, ``ext/greencloud/_x.pyx`` -> ``greencloud._x``, ``sdk/greencloud`` -> ``greencloud``.
"""

import re
from pathlib import Path
from typing import ClassVar

from setuptools import Command, Extension, setup
from setuptools.command.build import build
from setuptools.command.build_ext import build_ext

PROTO = Path("proto")
EXT = Path("ext")


class BuildCore(build_ext):
    """Translates .pyx files with the .pxd files of ``ext/`` in view, leaving no C beside the sources."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.cython_include_dirs = [str(EXT)]
        self.cython_c_in_temp = True


class BuildProtos(Command):
    """Generates ``greencloud/v1/*_pb2*`` (setuptools' sub-command protocol, so that editable installs and sdists work)."""

    description = "generate protobuf and gRPC modules"
    user_options: ClassVar[list[tuple[str, str, str]]] = []

    def initialize_options(self) -> None:
        self.editable_mode = False
        self.build_lib = None

    def finalize_options(self) -> None:
        self.set_undefined_options("build_py", ("build_lib", "build_lib"))

    def _protos(self) -> list[Path]:
        return sorted(PROTO.rglob("*.proto"))

    def _root(self) -> Path:
        return Path("sdk") if self.editable_mode else Path(self.build_lib)

    def get_source_files(self) -> list[str]:
        return [str(path) for path in self._protos()]

    def get_outputs(self) -> list[str]:
        outputs = []
        for proto in self._protos():
            stem = Path(self.build_lib, proto.relative_to(PROTO)).with_suffix("")
            outputs += [f"{stem}_pb2.py", f"{stem}_pb2.pyi"]
            if proto.stem.endswith("_service"):
                outputs.append(f"{stem}_pb2_grpc.py")
        return outputs

    def get_output_mapping(self) -> dict[str, str]:
        return {}

    def run(self) -> None:
        from importlib.resources import files

        from grpc_tools import protoc

        root = self._root()
        root.mkdir(parents=True, exist_ok=True)
        for stale in (root / "greencloud/v1").glob("*_pb2*"):
            stale.unlink()
        include = [f"-I{PROTO}", f"-I{files('grpc_tools') / '_proto'}"]
        messages = [str(path) for path in self._protos()]
        services = [path for path in messages if path.endswith("_service.proto")]
        calls = [
            ["protoc", *include, f"--python_out={root}", f"--pyi_out={root}", *messages],
            ["protoc", *include, f"--grpc_python_out={root}", *services],
        ]
        for call in calls:
            if protoc.main(call) != 0:
                raise SystemExit(f"protoc failed: {' '.join(call)}")


class Build(build):
    sub_commands: ClassVar = [*build.sub_commands, ("build_protos", None)]


def shapes_of(path: Path) -> list[str]:
    """The .pxd files and headers that a source of ``ext/`` rests on, so that a change of one builds its kernels and no other."""
    found: set[Path] = set()
    waiting = [path, path.with_suffix(".pxd")]
    while waiting:
        text = waiting.pop()
        if text.exists() and text not in found:
            found.add(text)
            source = text.read_text()
            waiting += [path.parent / name for name in re.findall(r'"(\w+\.h)"', source)]
            waiting += [path.parent / f"{name}.pxd" for name in re.findall(r"from greencloud\.(\w+) cimport", source)]
    return sorted(str(shape) for shape in found - {path})


setup(
    ext_modules=[
        Extension(
            ".".join(path.relative_to(EXT).with_suffix("").parts),
            [str(path)],
            include_dirs=[str(EXT / "greencloud")],
            depends=shapes_of(path),
            # No fused multiply-add: figures have the same bits on every machine.
            extra_compile_args=["-O3", "-g0", "-ffp-contract=off"],
        )
        for path in sorted(EXT.rglob("*.pyx"))
    ],
    cmdclass={"build": Build, "build_ext": BuildCore, "build_protos": BuildProtos},
)
