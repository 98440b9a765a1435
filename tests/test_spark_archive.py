"""The archive of Spark's classes: who uses it, and that a JVM does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from elmo_udf.spark.class_archive import OPTIONS, archive_options, archive_path, with_archive


@pytest.fixture
def prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Python environment without an archive, and a user without options of the JVM."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.delenv(OPTIONS, raising=False)
    return tmp_path


@pytest.mark.usefixtures("prefix")
@pytest.mark.parametrize("content", [None, ""])  # an empty one stands for one that could not be made
def test_without_an_archive_the_jvm_starts_as_ever(content: str | None) -> None:
    if content is not None:
        archive_path().write_text(content)
    with with_archive():
        assert OPTIONS not in os.environ


def test_the_archive_is_used_for_one_start(prefix: Path) -> None:
    archive_path().write_text("classes")
    with with_archive():
        assert f'"-XX:SharedArchiveFile={prefix}/' in os.environ[OPTIONS]
    assert OPTIONS not in os.environ


@pytest.mark.usefixtures("prefix")
def test_options_of_the_user_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    archive_path().write_text("classes")
    monkeypatch.setenv(OPTIONS, "-Xss2m")
    with with_archive():
        assert os.environ[OPTIONS] == "-Xss2m"


def spark_version(options: str) -> str:
    """What spark-submit --version says (on any stream), its JVM started with ``options``."""
    command = [str(Path(sys.executable).parent / "spark-submit"), "--version"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SPARK")}
    environment[OPTIONS] = options
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


@pytest.mark.slow
def test_spark_takes_its_classes_from_the_archive() -> None:
    """The archive that scripts/setup has made for this environment."""
    if not (options := archive_options()):
        pytest.skip("needs the archive that scripts/setup makes")
    shown = spark_version(f"{options} -Xlog:class+load:stdout")
    assert "org.apache.spark.deploy.SparkSubmit source: shared objects file (top)" in shown


@pytest.mark.slow
@pytest.mark.usefixtures("prefix")
def test_an_archive_that_is_none_does_no_harm_and_says_nothing() -> None:
    archive_path().write_bytes(100 * b"no classes ")
    assert "cds" not in spark_version(archive_options())
