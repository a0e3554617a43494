#!/usr/bin/env python3
"""Compiles the shipped protos with the real protoc and imports what it makes of them.

The server is built with another compiler, which accepts a little more: this keeps clients able to compile the same files.

    python3 -m venv target/python-venv
    target/python-venv/bin/pip install -r scripts/python/requirements.txt
    target/python-venv/bin/python scripts/python/check_protos.py [folder]

Exits 0 if all files pass. With a folder the generated modules are left there.
"""

import importlib
import sys
import tempfile
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

PROTOS = Path(__file__).resolve().parents[2] / "crates" / "proto" / "protos"
GOOGLE = Path(grpc_tools.__file__).parent / "_proto"


def compile_to(folder: Path) -> list[str]:
    """Generates Python modules into the folder and returns the names of the protos."""
    names = sorted(path.stem for path in PROTOS.glob("*.proto"))
    if not names:
        sys.exit(f"no protos in {PROTOS}")
    files = [f"{name}.proto" for name in names]
    arguments = [f"-I{PROTOS}", f"-I{GOOGLE}", f"--python_out={folder}", f"--grpc_python_out={folder}"]
    if protoc.main(["protoc", "--fatal_warnings", *arguments, *files]) != 0:
        sys.exit("protoc refuses the protos")
    return names


def services_in(folder: Path, names: list[str]) -> list[str]:
    """Imports every generated module and returns the full names of the services that can be called."""
    sys.path.insert(0, str(folder))
    services = []
    for name in names:
        stubs = importlib.import_module(f"{name}_pb2_grpc")
        for service in importlib.import_module(f"{name}_pb2").DESCRIPTOR.services_by_name.values():
            getattr(stubs, f"{service.name}Stub")
            services.append(service.full_name)
    return services


def check(folder: Path) -> None:
    names = compile_to(folder)
    services = services_in(folder, names)
    print(f"{len(names)} protos compile; services: {', '.join(services)}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        target = Path(sys.argv[1])
        target.mkdir(parents=True, exist_ok=True)
        check(target)
    else:
        with tempfile.TemporaryDirectory() as temporary:
            check(Path(temporary))
