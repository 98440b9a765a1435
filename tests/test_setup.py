"""Packaging and the set-up scripts."""

from __future__ import annotations

import ast
import os
import re
import runpy
import shutil
import site
import subprocess
import sys
import zipfile
from importlib.metadata import packages_distributions, version
from pathlib import Path
from unittest.mock import patch

import lowest_versions
import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import elmo_udf

SCRIPTS = ("setup", "test", "java_home", "apt_install")
OLDEST = Path(sys.prefix).name == ".venv-oldest"  # under scripts/test --oldest
THIS = f"{sys.version_info.major}.{sys.version_info.minor}"

PATH = f"{Path(sys._base_executable).parent}:{os.environ['PATH']}"  # type: ignore[attr-defined]
MAKE_ARCHIVE = "from elmo_udf.spark.class_archive import archive_path\narchive_path().write_text('made')\n"
NOTES = "import os, pathlib, sys\npathlib.Path(os.environ['PIP_LOG']).write_text(' '.join(sys.argv))\n"


@pytest.fixture(scope="module")
def metadata(root: Path) -> dict[str, object]:
    """What setup.py says, as it is now, whatever was installed when."""
    with patch("setuptools.setup") as setup:
        runpy.run_path(str(root / "setup.py"))
    return setup.call_args.kwargs


def requirements(metadata: dict[str, object], extra: str | None = None) -> dict[str, Requirement]:
    listed = metadata["install_requires"] if extra is None else metadata["extras_require"][extra]  # type: ignore[index]
    return {parsed.name: parsed for parsed in map(Requirement, listed)}  # type: ignore[call-overload]


def test_version_has_one_source(metadata: dict[str, object]) -> None:
    assert metadata["name"] == "elmo-udf"
    assert metadata["version"] == elmo_udf.__version__


@pytest.mark.parametrize(
    ("package", "inside", "outside"),
    [
        ("pyspark", ("4.1.0", "4.3.0"), ("3.5.7", "4.0.1", "5.0.0")),
        ("tensorflow", ("2.18.0", "2.21.0"), ("2.17.1", "3.0.0")),
        ("tensorflow-hub", ("0.16.1",), ("0.16.0",)),
        ("setuptools", ("80.9.0",), ("81.0.0",)),
        ("pandas", ("2.2.0", "3.1.1"), ("2.1.4",)),
        ("pyarrow", ("18.0.0", "26.0.1"), ("17.0.0",)),
    ],
)
def test_ranges(metadata: dict[str, object], package: str, inside: tuple[str, ...], outside: tuple[str, ...]) -> None:
    accepted = requirements(metadata)[package].specifier
    assert all(candidate in accepted for candidate in inside)
    assert not any(candidate in accepted for candidate in outside)


def test_python_range(metadata: dict[str, object]) -> None:
    accepted = SpecifierSet(str(metadata["python_requires"]))
    assert [minor for minor in range(8, 17) if f"3.{minor}.1" in accepted] == [11, 12, 13]
    assert THIS == "3.11" or (not OLDEST and THIS in ("3.12", "3.13"))


@pytest.mark.parametrize("extra", [None, "test"])
def test_what_is_installed_here_fits(metadata: dict[str, object], extra: str | None) -> None:
    bounds = lowest_versions.constraints()
    wanted = {
        name: SpecifierSet(f"=={bounds[name]}") if OLDEST else requirement.specifier
        for name, requirement in requirements(metadata, extra).items()
    }
    assert {name: version(name) for name, accepted in wanted.items() if version(name) not in accepted} == {}


def test_lowest_versions_are_those_of_setup_py(metadata: dict[str, object]) -> None:
    bounds = lowest_versions.constraints()
    everything = requirements(metadata) | requirements(metadata, "test") | requirements(metadata, "package")
    assert bounds.keys() == everything.keys()
    assert all(bounds[name] in requirement.specifier for name, requirement in everything.items())
    assert lowest_versions.lowest("tensorflow[and-cuda]>=2.18,<3") == ("tensorflow", "2.18")
    with pytest.raises(ValueError, match="has no lower bound"):
        lowest_versions.lowest("numpy<3")


def test_page_names_the_supported_versions(metadata: dict[str, object], root: Path) -> None:
    page = (root / "docs" / "pyspark.md").read_text("utf-8")
    rows = re.findall(r"^\| (\w+) \| ([\d.]+) \| ([\d.]*) ?\|$", page, re.MULTILINE)
    accepted = {name: requirement.specifier for name, requirement in requirements(metadata).items()}
    accepted["Python"] = SpecifierSet(str(metadata["python_requires"]))
    named = {name: SpecifierSet(f">={lowest}" + (f",<{end}" if end else "")) for name, lowest, end in rows}
    assert len(named) >= 7
    assert named == {name: accepted[name] for name in named}


def test_every_import_is_declared(metadata: dict[str, object], root: Path) -> None:
    files = [path for folder in ("elmo_udf", "jobs") for path in (root / folder).rglob("*.py")]
    files += (root / "scripts").glob("*.py")
    assert len(files) > 10
    imported = {name for path in files for name in top_level_imports(path)}
    own = {"elmo_udf", *(path.stem for path in files)}
    distributions = packages_distributions()
    foreign = imported - sys.stdlib_module_names - own
    declared = {name.replace("_", "-") for name in requirements(metadata)}
    undeclared = {name for name in foreign if not {d.replace("_", "-") for d in distributions.get(name, [])} & declared}
    # Requirements of pyspark and tensorflow, of the extras "package" and "test", and of type checkers.
    others = {"py4j", "packaging", "google", "venv_pack", "sphinx", "_typeshed"}
    assert undeclared <= others | {"huggingface_hub", "kagglehub"}  # the extras "hf" and "kaggle", used where they are


def top_level_imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.partition(".")[0])
    return names


def test_wheel_holds_the_whole_package_and_nothing_else(root: Path, tmp_path: Path) -> None:
    checkout = copy_of_package(root, tmp_path / "checkout")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", str(tmp_path), str(checkout)], check=True, stdin=subprocess.DEVNULL)
    (wheel,) = tmp_path.glob("elmo_udf-*.whl")
    names = {n for n in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in n}
    source = {p.relative_to(checkout).as_posix() for p in (checkout / "elmo_udf").rglob("*") if p.is_file()}
    source |= {f"elmo_udf/jobs/{path.name}" for path in (checkout / "jobs").glob("*.py")}
    assert "elmo_udf/jobs/embed.py" in source
    assert names == {name for name in source if "__pycache__" not in name}
    assert any(n.endswith("LICENSE") for n in zipfile.ZipFile(wheel).namelist())


@pytest.mark.slow
def test_an_installed_wheel_runs_the_jobs(root: Path, tmp_path: Path) -> None:
    """In an environment that has the requirements, and of this project only what the wheel carries."""
    checkout, environment = copy_of_package(root, tmp_path / "checkout"), tmp_path / "environment"
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", str(tmp_path), str(checkout)], check=True, stdin=subprocess.DEVNULL)
    (wheel,) = tmp_path.glob("elmo_udf-*.whl")
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    (packages,) = (environment / "lib").glob("python3.*/site-packages")
    (packages / "requirements.pth").write_text(site.getsitepackages()[0] + "\n", "utf-8")  # its .pth files don't count
    install = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*install, "--ignore-installed", str(wheel)], check=True, stdin=subprocess.DEVNULL)
    (tmp_path / "two.csv").write_text("id,text\na,The kettle boils.\nb,The moon.\n", "utf-8")

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        variables = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYSPARK"))}
        variables["PATH"] = f"{environment / 'bin'}:{Path(sys.executable).parent}:{variables['PATH']}"
        return subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True)

    where = run("python", "-c", "import elmo_udf; print(elmo_udf.__file__)").stdout
    assert where.startswith(str(packages)), where
    embedded = run("elmo-udf", "embed", "--input", "two.csv", "--output", "vectors")
    assert embedded.returncode == 0, embedded.stderr[-3000:]
    assert "rows_embedded" in embedded.stdout
    path = run("elmo-udf", "path", "similarity").stdout.strip()
    assert path == str(packages / "elmo_udf" / "jobs" / "similarity.py")
    done = run("spark-submit", path, "topk", "--embeddings", "vectors", "--output", "neighbors", "--k", "1")
    assert done.returncode == 0, done.stderr[-3000:]
    assert run("elmo-udf", "embed", "--outptu", "x").returncode == 2


def copy_of_package(root: Path, target: Path) -> Path:
    """What set-up and packaging read, without the repository's own .venv."""
    (target / "scripts").mkdir(parents=True)
    for name in (*SCRIPTS, "lowest_versions.py"):
        shutil.copy(root / "scripts" / name, target / "scripts")
    for name in ("setup.py", "pyproject.toml", "LICENSE"):
        shutil.copy(root / name, target)
    for name in ("elmo_udf", "jobs"):
        shutil.copytree(root / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    return target


@pytest.mark.slow
def test_setup_installs_once_and_then_never_calls_pip(root: Path, tmp_path: Path) -> None:
    checkout = copy_of_package(root, tmp_path / "a checkout")
    stamp = checkout / ".venv" / ".elmo-udf-installed"

    first, called_pip = run_setup(checkout)  # makes .venv; pip has no index to get anything from
    assert (first.returncode, called_pip) == (1, True), first.stderr
    assert not stamp.exists()

    # In place of the one that starts Spark, which test_spark_archive.py looks at.
    (checkout / "scripts" / "spark_archive.py").write_text(MAKE_ARCHIVE, "utf-8")
    archive = checkout / ".venv" / "elmo-udf-spark.jsa"
    (packages,) = (checkout / ".venv" / "lib").glob("python3.*/site-packages")
    packages_here = f"import sys; sys.path.insert(0, {site.getsitepackages()[0]!r}); "
    (packages / "packages_here.pth").write_text(packages_here, "utf-8")
    second, called_pip = run_setup(checkout)
    assert (second.returncode, called_pip) == (0, True), second.stderr
    assert (packages / f"elmo_udf-{elmo_udf.__version__}.dist-info").is_dir()
    assert archive.read_text("utf-8") == "made"

    archive.write_text("kept", "utf-8")
    third, called_pip = run_setup(checkout)
    assert (third.returncode, third.stderr, called_pip) == (0, "", False)
    assert archive.read_text("utf-8") == "kept"

    # What pip does is known by now; what it is asked for from here on, one that only takes notes can tell as well.
    (tmp_path / "pip").mkdir()
    (tmp_path / "pip" / "__init__.py").touch()
    (tmp_path / "pip" / "__main__.py").write_text(NOTES, "utf-8")
    (packages / "packages_here.pth").write_text(f"{packages_here}sys.path.insert(0, {str(tmp_path)!r})\n", "utf-8")
    with_extra, called_pip = run_setup(checkout, "test")
    assert (with_extra.returncode, called_pip) == (0, True), with_extra.stderr
    assert (checkout / "pip.log").read_text("utf-8").endswith(" --editable .[test]")
    assert stamp.read_text("utf-8").split()[1:] == ["test"]
    assert run_setup(checkout)[1] is False

    (checkout / "setup.py").write_text((checkout / "setup.py").read_text("utf-8") + "# changed\n", "utf-8")
    changed, called_pip = run_setup(checkout)
    assert (changed.returncode, called_pip) == (0, True), changed.stderr
    assert (checkout / "pip.log").read_text("utf-8").endswith(" --editable .[test]")
    assert stamp.read_text("utf-8").split()[1:] == ["test"]  # an extra stays
    assert archive.read_text("utf-8") == "made", "Spark may be another one now"

    shutil.move(checkout / ".venv", checkout / ".venv-oldest")
    stamp = checkout / ".venv-oldest" / ".elmo-udf-installed"
    stamp.unlink()
    oldest, called_pip = run_setup(checkout, "--oldest", "test")
    if THIS == "3.11":
        assert (oldest.returncode, called_pip) == (0, True), oldest.stderr
        asked = (checkout / "pip.log").read_text("utf-8")
        assert asked.endswith(" --constraint .venv-oldest/oldest.txt --editable .[test]")
        assert "numpy==1.26\n" in (checkout / ".venv-oldest" / "oldest.txt").read_text("utf-8")
        assert run_setup(checkout, "--oldest", "test")[1] is False
    else:
        assert (oldest.returncode, called_pip) == (2, False)
        assert "expected Python 3.11; delete .venv-oldest" in oldest.stderr


@pytest.mark.slow
def test_setup_takes_the_python_that_is_asked_for(root: Path, tmp_path: Path) -> None:
    """It passes over a command that pyenv puts on the PATH for a version that is not in use, and asks pyenv itself."""
    checkout, commands = copy_of_package(root, tmp_path / "checkout"), tmp_path / "commands"
    installed = tmp_path / "pyenv" / "versions" / f"{THIS}.99" / "bin" / "python3"
    for path, code in [
        (commands / f"python{THIS}", "exit 127"),
        (commands / "python3", "exit 127"),
        (commands / "pyenv", f"echo {tmp_path / 'pyenv'}"),
        (installed, f'touch {tmp_path / "taken"}; exec {sys._base_executable} "$@"'),  # type: ignore[attr-defined]
    ]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{code}\n", "utf-8")
        path.chmod(0o755)
    done, called_pip = run_setup(checkout, "--python", THIS, path=f"{commands}:/usr/bin:/bin")
    assert (done.returncode, called_pip) == (1, True), "no index to install from"
    assert f"making .venv-{THIS} with Python {THIS}." in done.stderr
    assert (tmp_path / "taken").exists() and not (checkout / ".venv").exists()


def test_setup_says_which_python_is_missing(root: Path, tmp_path: Path) -> None:
    checkout = copy_of_package(root, tmp_path / "checkout")
    missing = [name for name in ("3.11", "3.12", "3.13") if not Path(f"/usr/bin/python{name}").exists()]
    if not missing:
        pytest.skip("needs a machine that lacks a supported Python in /usr/bin")
    for asked, line in [(missing[0], f"no Python {missing[0]} on the PATH"), ("3.10", "expected 3.11 or 3.12 or 3.13")]:
        done, called_pip = run_setup(checkout, "--python", asked, path="/usr/bin:/bin")
        assert (done.returncode, called_pip, done.stderr.count("\n")) == (2, False, 1)
        assert line in done.stderr
        assert not list(checkout.glob(".venv*"))


def run_setup(checkout: Path, *arguments: str, path: str = PATH) -> tuple[subprocess.CompletedProcess[str], bool]:
    """Run scripts/setup where pip can reach nothing; also whether it called pip (which then keeps a log)."""
    log = checkout / "pip.log"
    log.unlink(missing_ok=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
    environment |= {"PIP_LOG": str(log), "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0"}
    environment |= {"PIP_CONFIG_FILE": os.devnull, "PATH": path}
    result = subprocess.run(
        [str(checkout / "scripts" / "setup"), *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    return result, log.exists()


def test_old_java_is_passed_over(root: Path, tmp_path: Path) -> None:
    old = tmp_path / "bin" / "java"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho '    java.home = /old\n    java.specification.version = 1.8' >&2\n", "utf-8")
    old.chmod(0o755)
    home = java_home(root, str(tmp_path))
    assert home != "/old"
    stated = subprocess.run([f"{home}/bin/java", "-version"], capture_output=True, text=True, check=True).stderr
    found = re.search(r'version "(\d+)', stated)
    assert found and int(found[1]) >= 17

    old.write_text("#!/bin/sh\necho '    java.home = /new\n    java.specification.version = 21' >&2\n", "utf-8")
    assert java_home(root, str(tmp_path)) == "/new"


def java_home(root: Path, setting: str) -> str:
    script = str(root / "scripts" / "java_home")
    environment = os.environ | {"JAVA_HOME": setting}
    return subprocess.run([script], env=environment, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("name", [*(f"scripts/{name}" for name in SCRIPTS), "scripts/demo", ".ci/run"])
def test_scripts_can_be_run(root: Path, name: str) -> None:
    assert os.access(root / name, os.X_OK)
    subprocess.run(["bash", "-n", str(root / name)], check=True)


def test_licence_is_apache_2(root: Path) -> None:
    text = (root / "LICENSE").read_text("utf-8")
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
