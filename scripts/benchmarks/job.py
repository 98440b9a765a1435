"""The whole embedding job beside the engine alone: what Spark, its start, the model and the write take.

    python scripts/benchmarks/job.py [--quick] [--sentences 24000]

The network of the published size, with weights from a seed, reads natural sentences in windows of the same length: in
one process without Spark, in a job on ``local[2]``, and in one on ``local-cluster[2,1,4096]``, whose two executors are
processes of one core. Each job runs twice, on few sentences and on all. What the second takes longer is spent on the
sentences that it has more: so the rate leaves out the start of the session, the plan and the model's load, which are
listed, and counts all else, the write too. It happens while vectors are computed; how long it takes by itself is
measured afterwards. A run takes 15 to 25 minutes; leave the machine alone while it lasts.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from engine import alone, rate
from environments import machine
from published import Text, natural_text, published_model
from pyspark.sql import SparkSession

from elmo_udf.embedding.windows import WINDOW_TOKENS
from elmo_udf.models.writing import write_allennlp
from elmo_udf.spark.outputs.writer import vector_writer

RESULTS = Path(__file__).parent / "results" / "job.json"
ROOT = Path(__file__).resolve().parents[2]
MASTERS = {"local": "local[2]", "cluster": "local-cluster[2,1,4096]"}


def main() -> None:
    """Measure, print, and write the results (not with --quick)."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the small network on few sentences; nothing is written")
    parser.add_argument("--sentences", type=int, default=24_000, help="of the long runs: minutes of work")
    arguments = parser.parse_args()
    quick = arguments.quick
    size, n_few, n_all = ("small", 200, 1000) if quick else ("original", 1500, arguments.sentences)
    with tempfile.TemporaryDirectory(prefix="elmo-job-") as folder:
        figures = measure(Path(folder), size, n_few, natural_text(n_all))
    bars = {f"{name}_of_engine": figures[name]["tokens_per_s"] / figures["engine"]["tokens_per_s"] for name in MASTERS}
    result = {
        "machine": machine(),
        "versions": {name: version(name) for name in ("elmo-udf", "pyspark", "tensorflow", "pyarrow")},
        "sizes": {"network": size, "few_sentences": n_few, "all_sentences": n_all},
        "figures": figures,
        "bars": {name: round(value, 3) for name, value in bars.items()},
    }
    print(json.dumps(result["bars"], indent=2))
    if not quick:
        RESULTS.write_text(json.dumps(result, indent=2) + "\n")


def measure(folder: Path, size: str, n_few: int, text: Text) -> dict[str, Any]:
    """All figures, printed as they come."""
    write_allennlp(published_model(size), folder / "model")
    inputs = {}
    for name, sentences in (("few", text[:n_few]), ("all", text)):
        inputs[name] = folder / f"{name}.jsonl"
        rows = (json.dumps({"id": i, "text": " ".join(words)}) for i, words in enumerate(sentences))
        inputs[name].write_text("\n".join(rows) + "\n", "utf-8")
    own = {
        part: alone(rate, size, sentences, 1, "float32", "", WINDOW_TOKENS)
        for part, sentences in (("few", text[:n_few]), ("all", text))
    }
    n_tokens = {"few": sum(map(len, text[:n_few])), "all": sum(map(len, text))}
    own_s = {part: n_tokens[part] / own[part]["tokens_per_s"] for part in own}
    more_per_s = (n_tokens["all"] - n_tokens["few"]) / (own_s["all"] - own_s["few"])  # as for the jobs
    figures: dict[str, Any] = {"engine": {**own["all"], "tokens_per_s": round(more_per_s)}}
    print(f"engine {json.dumps(figures['engine'])}", flush=True)
    for name, master in MASTERS.items():
        few, everything = (job(folder, master, inputs[part], f"{name}-{part}") for part in ("few", "all"))
        more = everything["n_tokens"] - few["n_tokens"]
        figures[name] = {
            "master": master,
            "tokens_per_s": round(more / (everything["whole_s"] - few["whole_s"])),
            "start_s": round(everything["whole_s"] - sum(everything["stages"].values()), 2),
            "write_s": alone(write_seconds, master, folder / f"{name}-all"),
            **{part: everything[part] for part in ("whole_s", "stages", "model_load_s", "model_loads", "executors")},
            "few": {part: few[part] for part in ("whole_s", "stages", "model_load_s", "n_tokens")},
            "n_tokens": everything["n_tokens"],
        }
        print(f"{name} {json.dumps(figures[name])}", flush=True)
    return figures


def submit_arguments(master: str) -> str:
    """What every session of this benchmark is started with."""
    return f"--master {master} --driver-memory 4g --conf spark.ui.enabled=false pyspark-shell"


def job(folder: Path, master: str, documents: Path, name: str) -> dict[str, Any]:
    """The report of a job, and the seconds of its whole process."""
    report = folder / f"{name}.json"
    flags = {"--model": folder / "model", "--input": documents, "--output": folder / name, "--report": report}
    command = [sys.executable, str(ROOT / "jobs" / "embed.py"), "--tokenizer", "whitespace"]
    command += [str(part) for flag in flags.items() for part in flag]
    environment = {**os.environ, "PYSPARK_SUBMIT_ARGS": submit_arguments(master), "TF_CPP_MIN_LOG_LEVEL": "2"}
    started = time.perf_counter()
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return {"whole_s": round(time.perf_counter() - started, 2), **json.loads(report.read_text())}


def write_seconds(master: str, table: Path) -> float:
    """Seconds to write the job's table once more, from memory, in a session that has written it before."""
    os.environ["PYSPARK_SUBMIT_ARGS"] = submit_arguments(master)
    spark = SparkSession.builder.getOrCreate()
    rows = spark.read.parquet(str(table)).persist()
    rows.count()
    for again in ("first", "second"):
        started = time.perf_counter()
        vector_writer(rows, "plain").parquet(f"{table}-{again}")
        seconds = time.perf_counter() - started
    spark.stop()
    return round(seconds, 2)


if __name__ == "__main__":
    main()
