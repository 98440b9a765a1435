"""The daemon of Python workers: what it leaves out of the path, and that jobs in a local session use it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyspark
import pytest

from elmo_udf.spark import daemon

ZIP = str(Path(pyspark.__file__).parent / "python" / "lib" / "pyspark.zip")

WHICH = """
import sys
from elmo_udf.spark.session import job_session

def home(batches):
    import pyspark
    for batch in batches:
        yield batch.rename_columns(["home"]).cast(pa.schema({"home": pa.string()})).set_column(
            0, "home", pa.array([pyspark.__file__] * len(batch))
        )

import pyarrow as pa
spark, created = job_session("which", whole_machine=False)
assert created
print(spark.conf.get("spark.python.daemon.module", "Spark's"))
print(spark.range(1).mapInArrow(home, "home string").first().home)
"""


def test_only_the_zip_of_an_installed_pyspark_is_left_out() -> None:
    packages = str(Path(pyspark.__file__).parents[1])
    others = ["/a", "/opt", "/opt/spark/python/lib/pyspark.zip", "/pyspark.zip"]
    assert daemon.without_zip([ZIP, *others, packages]) == [*others, packages]
    assert daemon.without_zip(["/a", ZIP]) == ["/a", ZIP]


def which(**variables: str) -> list[str]:
    """The daemon's module of a job's session, and where its workers have PySpark from."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYSPARK_PYTHON", "PYSPARK_SUBMIT_ARGS")}
    submit = {"PYSPARK_SUBMIT_ARGS": "--master local[1] --conf spark.ui.enabled=false pyspark-shell"}
    done = subprocess.run(
        [sys.executable, "-c", WHICH], env=kept | submit | variables, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


@pytest.mark.slow
def test_workers_of_jobs_have_pyspark_from_where_it_is_installed() -> None:
    if not daemon.is_installed():
        pytest.skip("needs the package installed, as scripts/setup does")
    module, home = which()
    assert module == "elmo_udf.spark.daemon"
    assert home == pyspark.__file__


@pytest.mark.slow
def test_a_module_that_the_user_names_is_left() -> None:
    own = (
        "--master local[1] --conf spark.ui.enabled=false --conf spark.python.daemon.module=pyspark.daemon pyspark-shell"
    )
    assert which(PYSPARK_SUBMIT_ARGS=own)[0] == "pyspark.daemon"


@pytest.mark.slow
def test_another_python_has_spark_s_own_daemon() -> None:
    assert which(PYSPARK_PYTHON=f"{Path(sys.executable).parent}/../bin/python")[0] == "Spark's"


def test_another_version_is_not_the_one_that_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon, "__version__", "0.0.1")
    assert not daemon.is_installed()
