"""What scripts/package builds runs where nothing else is: the command of docs/cluster.md, on a standalone cluster.

Its workers start with an empty environment, and the driver runs in a folder that is not the checkout.
"""

from __future__ import annotations

import json
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pyspark
import pytest

from elmo_udf import load_model
from elmo_udf.network.engine import Network
from elmo_udf.text.tokenizer import Tokenizer
from tests.cluster.standalone import BARE, SPARK_HOME, Cluster, standalone
from tests.markdown import blocks

SMALL = (
    "--conf spark.executor.cores=1 --conf spark.cores.max=2 --conf spark.executor.memory=1g "
    "--conf spark.driver.memory=1g --conf spark.ui.enabled=false"
)
"""Settings of a cluster of two cores."""
WHERE = """
import json
from pyspark.sql import SparkSession

def look(rows):
    import importlib.util, os, sys, tensorflow, elmo_udf
    for _ in rows:
        foreign = [name for name in ("pytest", "ruff", "mypy", "duckdb") if importlib.util.find_spec(name)]
        folders = [os.path.realpath(path) for path in sys.path]
        modules = [tensorflow.__file__, elmo_udf.__file__]
        yield os.getcwd(), os.path.abspath(sys.prefix), sys.base_prefix, modules, folders, foreign

spark = SparkSession.builder.getOrCreate()
print("FOUND " + json.dumps(spark.sparkContext.parallelize(range(8), 8).mapPartitions(look).collect()))
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two workers of a core each."""
    with standalone(tmp_path_factory.mktemp("standalone"), n_workers=2) as running:
        yield running


def command(root: Path) -> str:
    """The block of docs/cluster.md that submits to a standalone cluster, without the line that goes to the folder."""
    page = (root / "docs" / "cluster.md").read_text("utf-8")
    (code,) = [block.code for block in blocks(page) if "--master spark://" in block.code]
    first, _, rest = code.partition("\n")
    assert first.startswith("cd ") and rest.count("spark://HOST:7077") == 1
    return rest


def run(folder: Path, code: str, cluster: Cluster) -> subprocess.CompletedProcess[str]:
    """Run a block of bash in a folder, with nothing in the environment but Java, Spark and the system's own paths."""
    code = code.replace("spark://HOST:7077", f"{cluster.master} {SMALL}")
    environment = {**BARE, "PATH": f"{SPARK_HOME / 'bin'}:{BARE['PATH']}"}
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", code],
        cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_everything_is_in_the_folder(root: Path, package: Path) -> None:
    assert {path.name for path in package.iterdir()} >= {"environment.tar.gz", "elmo_udf.zip", "jobs", "conf"}
    assert not package.is_relative_to(root)
    assert {path.name for path in (package / "jobs").iterdir()} == {path.name for path in root.glob("jobs/*.py")}


def test_the_shown_command_embeds(root: Path, tmp_path: Path, package: Path, cluster: Cluster, documents: Path) -> None:
    code = command(root).replace("/shared/articles.jsonl", str(documents)).replace("/shared/vectors", f"{tmp_path}/out")
    done = run(package, code.replace("report.json", f"{tmp_path}/report.json --partitions 6"), cluster)
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-3000:]
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["versions"]["pyspark"] == pyspark.__version__, "Spark's own, for the archive has none"
    assert (report["executors"], report["model_loads"], report["tasks"], report["task_cpus"]) == (2, 2, 6, 1)
    rows = pq.read_table(tmp_path / "out").to_pylist()
    assert len(rows) == report["rows_embedded"] == 40
    network = Network(load_model("builtin:mini"))
    text = json.loads(documents.read_text().splitlines()[7])
    expected = network.layers(Tokenizer()(text["text"]).sentences, ["elmo"])["elmo"].mean(axis=0)
    (found,) = [row["embedding"] for row in rows if row["id"] == text["id"]]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_executors_have_the_packages_of_the_archive_and_no_others(
    root: Path, tmp_path: Path, package: Path, cluster: Cluster
) -> None:
    (tmp_path / "where.py").write_text(WHERE)
    code = command(root)
    done = run(package, code[: code.index("jobs/embed.py")] + str(tmp_path / "where.py"), cluster)
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-3000:]
    found = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("FOUND "))[6:])
    assert len({folder for folder, *_ in found}) == 2, "of two executors"
    for folder, prefix, base, modules, paths, foreign in found:
        assert Path(folder).is_relative_to(cluster.work)
        environment = (Path(folder) / "environment").resolve()
        assert Path(prefix).resolve() == environment
        assert all(Path(module).resolve().is_relative_to(environment) for module in modules)
        assert foreign == []
        for path in map(Path, paths):
            of_spark = path.is_relative_to(SPARK_HOME.resolve()) or path.is_relative_to(cluster.work.resolve())
            of_python = path.is_relative_to(Path(base).resolve()) and "site-packages" not in path.parts
            assert of_spark or of_python, f"{path} is another folder of packages"


def test_the_zip_is_the_library_with_its_model(package: Path, tmp_path: Path) -> None:
    """As --py-files gives it to Python: not unpacked."""
    names = zipfile.ZipFile(package / "elmo_udf.zip").namelist()
    assert {"elmo_udf/__init__.py", "elmo_udf/models/mini/weights.npz"} <= set(names)
    code = "import elmo_udf; print(elmo_udf.__file__, elmo_udf.load_model('builtin:mini').fingerprint())"
    python = package / "environment" / "bin" / "python"  # which the shown command has unpacked
    done = subprocess.run(
        [python, "-c", code], cwd=tmp_path, env={**BARE, "PYTHONPATH": f"{package}/elmo_udf.zip"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.split() == [
        f"{package}/elmo_udf.zip/elmo_udf/__init__.py",
        load_model("builtin:mini").fingerprint(),
    ]
