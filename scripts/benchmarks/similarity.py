"""Exact cosine joins: against this machine's matrix products, other programs, and what Spark itself offers.

    python scripts/benchmarks/similarity.py [--quick]

Every figure comes from a process of its own, the faster of two where they take seconds; sessions have two tasks of one
core each, and neither the JVM's start nor a table's schema is counted, for us or for others. Spark's own ways run as
Spark ships, and the two that take less than minutes also with the archive of classes with which this project's jobs
start (``_archive``). The cross join's time for 10,000 rows is that for 2,000, by the number of pairs. The peak of
products is the best of all that are measured in between. Results are checked against brute force in float64.
Environments of the other programs are made on the first run (environments.py). A run takes 40 minutes; leave the
machine alone while it lasts.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from environments import Environment, Measured, machine, run
from published import natural_text
from vectors import like_documents, read_vectors, write_table

RESULTS = Path(__file__).parent / "results" / "similarity.json"
ROOT = Path(__file__).resolve().parents[2]
SKLEARN = Environment("scikit-learn", ("scikit-learn",))
FAISS = Environment("faiss", ("faiss-cpu", "numpy"))
WIDTH, K, THRESHOLD = 1024, 10, 0.95
THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
FULL = {"huge": 100_000, "large": 50_000, "middle": 20_000, "small": 10_000, "tiny": 2_000}
QUICK = {"huge": 4000, "large": 3000, "middle": 2000, "small": 1500, "tiny": 500}
WORKERS = {"PYSPARK_PYTHON": sys.executable}
LONG_S = 100.0
"""Seconds of a process that is not run twice."""
MANY = 200
"""Nearest rows of each of the middle table: so many that they are shuffled."""
CHECKED = 300
"""Rows of a table whose results are compared with brute force."""


def main() -> None:
    """Measure, print, and write the results (not with --quick)."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small tables; results are not written")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory(prefix="elmo-similarity-") as folder:
        result = Benchmark(Path(folder), QUICK if quick else FULL).measure()
    print(json.dumps({"bars": result["bars"]}, indent=2))
    if not quick:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(result, indent=2) + "\n")


class Benchmark:
    """Tables of several sizes, the first rows of one another, and the figures so far."""

    def __init__(self, folder: Path, sizes: dict[str, int]) -> None:
        self.folder, self.sizes = folder, sizes
        self.values = like_documents(sizes["huge"], WIDTH)
        self.tables = {name: write_table(self.values[:n], folder / "tables" / name) for name, n in sizes.items()}
        self.figures: dict[str, Any] = {}

    def measure(self) -> dict[str, Any]:
        """All figures, printed as they come, and the bars."""
        for name in ("huge", "large", "middle", "small"):
            self.ours(f"topk_{name}", name, kind="topk", k=K)
        self.ours("many_middle", "middle", kind="topk", k=MANY)
        for name in ("huge", "large", "middle", "small"):
            self.check_nearest(f"topk_{name}", name, K)
        self.check_nearest("many_middle", "middle", MANY)
        for name in ("huge", "small"):
            self.ours(f"pairs_{name}", name, kind="pairs", threshold=THRESHOLD, prune=False)
            self.ours(f"pruned_{name}", name, kind="pairs", threshold=THRESHOLD)
            self.check_same_pairs(f"pairs_{name}", f"pruned_{name}")
            self.check_pairs(f"pruned_{name}", name, THRESHOLD)
        self.peers()
        for threshold in THRESHOLDS:
            self.both_ways(f"sweep_{threshold}", "middle", threshold)
        self.real()
        return {
            "machine": machine(),
            "blas": blas(),
            "versions": {
                "elmo_udf": {name: version(name) for name in ("elmo-udf", "pyspark", "numpy", "pyarrow")},
                "scikit_learn": SKLEARN.versions(["scikit-learn", "numpy"]),
                "faiss": FAISS.versions(["faiss-cpu", "numpy"]),
            },
            "sizes": {**self.sizes, "width": WIDTH, "k": K, "threshold": THRESHOLD},
            "figures": self.figures,
            "bars": self.bars(),
        }

    def ours(self, figure: str, table: str, **question: Any) -> None:
        """One question to this project."""
        arguments = {"table": str(self.tables[table]), "output": str(self.folder / figure), **question}
        measured = self.fastest(sys.executable, "processes/similarity_elmo_udf.py", arguments).result
        n, width = pq.ParquetDataset(self.tables[table]).read(["id"]).num_rows, measured["plan"]["width"]
        measured["gflop_per_s"] = round(width * n**2 / measured["seconds"] / 1e9, 1)
        measured["rows_out"] = sum(pq.read_metadata(file).num_rows for file in (self.folder / figure).glob("*.parquet"))
        self._note(figure, measured)

    def fastest(self, python: Path | str, script: str, arguments: dict[str, Any]) -> Measured:
        """The faster of two runs, for us as for others; one is enough where it takes minutes."""
        self.figures["peak_gflop_per_s"] = max(self.figures.get("peak_gflop_per_s", 0.0), round(product_peak(), 1))
        first = self._run(python, script, arguments)
        if first.seconds > LONG_S:
            return first
        both = sorted([first, self._run(python, script, arguments)], key=_seconds)
        if "worker_gib" in first.result:
            both[0].result["worker_gib"] = max(measured.result["worker_gib"] for measured in both)
        return both[0]

    def _run(self, python: Path | str, script: str, arguments: dict[str, Any]) -> Measured:
        for folder in (arguments.get("output"), f"{arguments.get('output')}-staging"):
            shutil.rmtree(str(folder), ignore_errors=True)
        return run(python, script, arguments, WORKERS)

    def both_ways(self, figure: str, table: str, threshold: float) -> None:
        """Pairs with and without pruning, which must be the same."""
        for prune in (False, True):
            self.ours(
                f"{figure}_{'pruned' if prune else 'full'}", table, kind="pairs", threshold=threshold, prune=prune
            )
        self.check_same_pairs(f"{figure}_full", f"{figure}_pruned")
        self.check_pairs(f"{figure}_pruned", table, threshold)

    def peers(self) -> None:
        """Other programs, on the same rows."""
        n = self.sizes["large"]
        vectors = self.folder / "large.npy"
        np.save(vectors, self.values[:n])
        nearest = self.nearest("topk_large", K)
        for peer, environment in (("sklearn", SKLEARN), ("faiss", FAISS)):
            output = self.folder / f"{peer}.npy"
            arguments = {"vectors": str(vectors), "output": str(output), "peer": peer, "k": K}
            measured = self.fastest(environment.python(), "processes/similarity_peers.py", arguments)
            same = (np.sort(np.load(output), axis=1) == np.sort(nearest, axis=1)).mean()
            figure = {**measured.result, "peak_gib": measured.peak_gib, "neighbors_as_ours": round(float(same), 6)}
            self._note(f"{peer}_large", figure)
        for peer, table in (("blockmatrix", "small"), ("crossjoin", "tiny"), ("lsh", "small")):
            for archive in (False,) if peer == "lsh" else (False, True):
                arguments = {"table": str(self.tables[table]), "peer": peer, "threshold": THRESHOLD, "archive": archive}
                measured = self.fastest(sys.executable, "processes/similarity_spark.py", arguments)
                self._note(f"{peer}_{table}{'_archive' if archive else ''}", measured.result)
        found = self.figures["lsh_small"]
        found["recall"] = round(found["pairs"] / self.figures["pairs_small"]["rows_out"], 4)

    def real(self) -> None:
        """Vectors of builtin:mini for natural sentences: top k, and pairs with and without pruning."""
        sentences, table = self.folder / "sentences.txt", self.folder / "tables" / "real"
        lines = [" ".join(sentence) for sentence in natural_text(self.sizes["huge"])]
        sentences.write_text("\n".join(lines), "utf-8")
        job = [sys.executable, str(ROOT / "jobs" / "embed.py"), "--input", str(sentences), "--output", str(table)]
        subprocess.run(job, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.tables["real"] = table
        unit = unit_rows(read_vectors(table)[:4000])
        average = (np.square(unit.sum(axis=0)).sum() - len(unit)) / (len(unit) * (len(unit) - 1))
        self._note("real", {"model": "builtin:mini", "layer": "elmo", "average_cosine": round(float(average), 3)})
        self.ours("topk_real", "real", kind="topk", k=K)
        self.check_nearest("topk_real", "real", K)
        self.both_ways("pairs_real", "real", THRESHOLD)

    def bars(self) -> dict[str, float]:
        """What is promised, as ratios within this run."""
        of = self.figures
        seconds = {
            name: figure["seconds"] for name, figure in of.items() if isinstance(figure, dict) and "seconds" in figure
        }
        gains = [seconds[f"sweep_{threshold}_full"] / seconds[f"sweep_{threshold}_pruned"] for threshold in THRESHOLDS]
        all_pairs = (self.sizes["small"] / self.sizes["tiny"]) ** 2

        def vs_spark(archive: str) -> dict[str, float]:
            return {
                f"vs_blockmatrix{archive}": seconds[f"blockmatrix_small{archive}"] / seconds["topk_small"],
                f"vs_crossjoin{archive}": seconds[f"crossjoin_tiny{archive}"] * all_pairs / seconds["pairs_small"],
            }

        huge, many = of["topk_huge"], of["many_middle"]
        workers = [of[name]["worker_gib"] for name in ("topk_huge", "pairs_huge", "pruned_huge", "topk_middle")]
        bars = {
            "topk_of_peak": of["topk_huge"]["gflop_per_s"] / of["peak_gflop_per_s"],
            "pairs_of_peak": of["pairs_huge"]["gflop_per_s"] / of["peak_gflop_per_s"],
            "vs_faiss": seconds["faiss_large"] / seconds["topk_large"],
            "vs_sklearn": seconds["sklearn_large"] / seconds["topk_large"],
            **vs_spark(""),
            **vs_spark("_archive"),
            "vs_lsh": seconds["lsh_small"] / seconds["pairs_small"],
            "worker_gib": max(workers),
            "worker_gib_100k_of_20k": huge["worker_gib"] / of["topk_middle"]["worker_gib"],
            "spilled_bytes": max(
                figure["spark"]["spilled"] for name, figure in of.items() if _is_bounded(name, figure)
            ),
            "spilled_bytes_of_sweeps": max(
                figure["spark"]["spilled"] for name, figure in of.items() if name.startswith("sweep")
            ),
            "read_of_formula": huge["bytes_read"] / 2**20 / huge["plan"]["mib_read_from_blocks"],
            "shuffled_of_formula": many["spark"]["shuffled"] / 2**20 / many["plan"]["mib_shuffled"],
            "pruned_gain": seconds["pairs_huge"] / seconds["pruned_huge"],
            "pruned_worst_slowdown": 1 / min(gains),
        }
        return {name: round(value, 3) for name, value in bars.items()}

    def nearest(self, figure: str, k: int, column: str = "neighbor_id") -> np.ndarray:
        """Neighbors of a result (or another column), (n, k), by row and rank."""
        table = pq.read_table(self.folder / figure).sort_by([("id", "ascending"), ("rank", "ascending")])
        values: np.ndarray = table[column].to_numpy()
        return values.reshape(-1, k)

    def check_nearest(self, figure: str, table: str, k: int) -> None:
        """Some rows' neighbors and cosines are those of float64 products with all others, rounded."""
        ids, unit = self.by_id(table)
        rows = np.random.default_rng(0).choice(len(unit), min(CHECKED, len(unit)), replace=False)
        cosines = np.round(unit[rows] @ unit.T, 6)
        cosines[np.arange(len(rows)), rows] = -2
        best = np.array([np.lexsort((np.arange(len(unit)), -row))[:k] for row in cosines])
        neighbors, found = (self.nearest(figure, k, column)[rows] for column in ("neighbor_id", "cosine"))
        wrong = int((neighbors != ids[best]).any(axis=1).sum())
        assert wrong == 0, f"{figure}: {wrong} of {len(rows)} rows differ from brute force"
        np.testing.assert_allclose(found, np.take_along_axis(cosines, best, axis=1), atol=1e-9)

    def check_pairs(self, figure: str, table: str, threshold: float) -> None:
        """The pairs of some rows are those of float64 products with all others."""
        ids, unit = self.by_id(table)
        n_rows = CHECKED if threshold < 0.9 else 10 * CHECKED  # high thresholds leave few pairs
        rows = np.random.default_rng(1).choice(len(unit), min(n_rows, len(unit)), replace=False)
        i, j = np.nonzero(np.round(unit[rows] @ unit.T, 6) >= threshold)
        i = rows[i]
        expected = np.unique((np.minimum(i, j) * len(unit) + np.maximum(i, j))[i != j])
        result, chosen = pq.read_table(self.folder / figure), pa.array(ids[rows])
        result = result.filter(pc.or_(pc.is_in(result["id_a"], chosen), pc.is_in(result["id_b"], chosen)))
        a, b = (np.searchsorted(ids, result[column].to_numpy()) for column in ("id_a", "id_b"))
        assert np.array_equal(np.sort(a * len(unit) + b), expected), f"{figure} differs from brute force"

    def by_id(self, table: str) -> tuple[np.ndarray, np.ndarray]:
        """Its ids, (n,) in ascending order, and float64 rows of length 1 in that order."""
        ids = pq.read_table(self.tables[table], columns=["id"])["id"].to_numpy()
        order = np.argsort(ids)
        return ids[order], unit_rows(read_vectors(self.tables[table])[order])

    def check_same_pairs(self, one: str, other: str) -> None:
        """Two results are the same table."""
        tables = [pq.read_table(self.folder / name) for name in (one, other)]
        order = [("cosine", "descending"), ("id_a", "ascending"), ("id_b", "ascending")]
        assert tables[0].sort_by(order).equals(tables[1].sort_by(order)), f"{one} and {other} differ"

    def _note(self, figure: str, value: dict[str, Any]) -> None:
        self.figures[figure] = value
        print(f"{figure:20} {json.dumps(value)}", flush=True)


def _is_bounded(name: str, figure: Any) -> bool:
    """Whether it is one of ours, but for those of low thresholds, which find and sort up to a hundred million pairs."""
    return isinstance(figure, dict) and "spark" in figure and not name.startswith("sweep")


def _seconds(measured: Measured) -> float:
    seconds: float = measured.result["seconds"]
    return seconds


def unit_rows(values: np.ndarray) -> np.ndarray:
    """Rows of length 1, float64."""
    wide = values.astype(np.float64)
    unit: np.ndarray = wide / np.linalg.norm(wide, axis=1, keepdims=True)
    return unit


def product_peak() -> float:
    """GFLOP/s of float32 products in numpy, as many processes of one thread as there are cores; the best of some."""
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
    cores = os.cpu_count() or 1
    try:
        with multiprocessing.get_context("spawn").Pool(cores) as pool:
            return max(sum(pool.map(_product_rate, [0] * cores, chunksize=1)) for _ in range(5))
    finally:
        del os.environ["OPENBLAS_NUM_THREADS"], os.environ["OMP_NUM_THREADS"]


def blas() -> list[str]:
    """What multiplies numpy's matrices, and for which processor."""
    from threadpoolctl import threadpool_info

    found = [library for library in threadpool_info() if library["user_api"] == "blas"]
    return [f"{library['internal_api']} {library['version']}, {library.get('architecture')}" for library in found]


def _product_rate(_: int) -> float:
    a, b = (np.random.default_rng(i).standard_normal((2048, WIDTH), dtype=np.float32) for i in range(2))
    out = np.empty((2048, 2048), np.float32)
    np.matmul(a, b.T, out=out)
    started = time.perf_counter()
    for _ in range(20):
        np.matmul(a, b.T, out=out)
    return 20 * 2 * 2048 * 2048 * WIDTH / (time.perf_counter() - started) / 1e9


if __name__ == "__main__":
    main()
