"""The archive of Spark's classes: who uses it, and that a JVM does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from elmo_udf.spark.class_archive import archive_options, archive_path
from elmo_udf.spark.launch import OPTIONS, launch_options


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
    with launch_options():
        assert "SharedArchiveFile" not in os.environ[OPTIONS]


def test_the_archive_is_used_for_one_start(prefix: Path) -> None:
    archive_path().write_text("classes")
    with launch_options():
        assert f'"-XX:SharedArchiveFile={prefix}/' in os.environ[OPTIONS]
    assert OPTIONS not in os.environ


@pytest.mark.usefixtures("prefix")
def test_options_of_the_user_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    archive_path().write_text("classes")
    monkeypatch.setenv(OPTIONS, "-Xss2m")
    with launch_options():
        assert os.environ[OPTIONS] == "-Xss2m"


@pytest.mark.usefixtures("prefix")
@pytest.mark.parametrize("variable", ["SPARK_CONF_DIR", "SPARK_HOME"])
def test_log4j_of_the_user_is_left_alone(variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "conf").mkdir()
    monkeypatch.setenv(variable, str(tmp_path if variable == "SPARK_HOME" else tmp_path / "conf"))
    with launch_options():
        assert "log4j2.properties" in os.environ[OPTIONS]
    (tmp_path / "conf" / "log4j2.properties").write_text("rootLogger.level = info\n")
    with launch_options():
        assert OPTIONS not in os.environ


@pytest.mark.slow
def test_a_session_of_a_job_starts_without_a_word() -> None:
    code = "from elmo_udf.spark.session import job_session as s\nspark, _ = s('quiet', False)\nspark.range(9).count()"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SPARK", "PYSPARK"))}
    command = [sys.executable, "-W", "ignore:PySpark does not yet:FutureWarning", "-c", code]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stderr
    assert [line for line in said.splitlines() if line] == ["WARNING: Using incubator modules: jdk.incubator.vector"]


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
