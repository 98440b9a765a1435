"""Builds what the jobs need on a cluster: the library, a packed environment, the jobs and Spark's settings.

environment.tar.gz  for --archives: a virtual environment with the project and all it needs, in the versions that are
                    installed here; without pyspark, which every cluster brings itself
elmo_udf.zip        for --py-files: the library alone, for machines that have the rest
jobs, conf, discover-gpus  as they are in the project
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import venv_pack
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("elmo_udf", "setup.py", "pyproject.toml", "README.md", "LICENSE")
BY_SPARK = frozenset({"pyspark", "py4j"})
LEFT_OUT = ("*/tensorflow/include/*", "*/site-packages/clang/*", "*/pip/*", "bin/pip*")
"""What only compilers and installers need: a fifth of the archive."""
STAMP = "packages.txt"


def main(argv: list[str] | None = None) -> int:
    """0 where all was built, 2 where the environment can't be made."""
    parser = argparse.ArgumentParser(prog="scripts/package", description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "dist", help="folder for what is built (default: dist)")
    parser.add_argument("extras", nargs="*", metavar="EXTRA", help="extras of setup.py, such as gpu")
    options = parser.parse_args(argv)
    try:
        build(options.output.resolve(), options.extras)
    except PackageNotFoundError as error:
        wanted = " ".join(["scripts/setup", *options.extras])
        print(f"error: package {error.name} is not installed in .venv; run {wanted} first", file=sys.stderr)
        return 2
    return 0


def build(output: Path, extras: list[str]) -> None:
    """Fill ``output``; files that are there are replaced."""
    packages = pinned(extras)
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="elmo-package-") as folder:
        wheel = build_wheel(Path(folder))
        environment = ROOT / "build" / "environment"
        make_environment(environment, packages, wheel)
        shutil.copy(wheel, output / "elmo_udf.zip")
    say("packing the environment (minutes) ...")
    filters = [("exclude", pattern) for pattern in LEFT_OUT]
    filters += [("exclude", f"*/site-packages/{name}*") for name in sorted(BY_SPARK)]
    venv_pack.pack(str(environment), str(output / "environment.tar.gz"), filters=filters, force=True)
    for name in ("jobs", "conf"):
        shutil.rmtree(output / name, ignore_errors=True)  # an earlier build may have had other files
        shutil.copytree(ROOT / name, output / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "scripts" / "discover-gpus", output)
    for path in sorted(output.iterdir()):
        print(f"{path}  {path.stat().st_size / 2**20:,.1f} MiB" if path.is_file() else path)


def pinned(extras: Iterable[str]) -> list[str]:
    """``name==version`` of all that the project needs but Spark, as it is installed here.

    Raises PackageNotFoundError where something of it is not.
    """
    found: dict[str, str] = {}
    waiting = [Requirement(f"elmo-udf[{','.join(extras)}]")]
    seen = set()
    while waiting:
        wanted = waiting.pop()
        if wanted.name.lower() in BY_SPARK or str(wanted) in seen:
            continue
        seen.add(str(wanted))
        installed = distribution(wanted.name)
        found[installed.metadata["Name"]] = installed.version
        for line in installed.requires or ():
            needed = Requirement(line)
            if needed.marker is None or any(needed.marker.evaluate({"extra": e}) for e in ("", *wanted.extras)):
                waiting.append(needed)
    found.pop("elmo-udf")
    return sorted(f"{name}=={version}" for name, version in found.items())


def build_wheel(folder: Path) -> Path:
    """The wheel of the library, built from a copy, so that nothing of an earlier build gets in."""
    source = folder / "source"
    source.mkdir()
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    pip(sys.executable, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(source))
    (wheel,) = folder.glob("*.whl")
    return wheel


def make_environment(folder: Path, packages: list[str], wheel: Path) -> None:
    """An environment with the packages, if there is none such yet, and in it the library as it is now."""
    wanted = hashlib.sha256("\n".join([sys.version, *packages]).encode()).hexdigest()
    python, stamp = str(folder / "bin" / "python"), folder / STAMP
    if not stamp.is_file() or stamp.read_text() != wanted:
        say(f"installing {len(packages)} packages in {folder} (minutes) ...")
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        pip(python, "install", "--no-deps", *packages)
        stamp.write_text(wanted)
    pip(python, "install", "--no-deps", "--force-reinstall", str(wheel))


def pip(python: str, *arguments: str) -> None:
    """Run pip in an environment."""
    subprocess.run([python, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments], check=True)


def say(line: str) -> None:
    """A line on stderr."""
    print(f"package: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
