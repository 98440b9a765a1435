"""What scripts/demo does once everything is installed: a corpus, the jobs on it, and what they found.

The jobs are the scripts that it shows, with the arguments that it shows. They run in this one process and so, as a job
does where there is a session, in one session of Spark: it starts once instead of three times.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import runpy
import shlex
import subprocess
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from elmo_udf.plots.heatmap import similarity_heatmap

ROOT = Path(__file__).resolve().parents[1]
NEIGHBORS = 5
PAIRS_WANTED = 200
PAIRS_SHOWN = 10
GROUPS_DRAWN = 8
SNIPPET_CHARACTERS = 70

QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore::FutureWarning", "SPARK_LOCAL_IP": "127.0.0.1"}
"""Without what TensorFlow, pandas and Spark say about this machine; and Spark asks no network for its address."""

Pair = tuple[float, str, str]  # cosine and two ids


def main() -> int:
    """Run the steps and show what they found; the exit code is that of the first step that fails."""
    options = arguments()
    folder = shortest(options.output)
    limit = [] if options.documents is None else ["--documents", options.documents]
    os.environ |= QUIET
    warnings.simplefilter("ignore", FutureWarning)
    try:
        make_corpus(folder / "corpus.jsonl", *limit)
        report, neighbors, threshold = run_jobs(folder, options.model)
    except subprocess.CalledProcessError as error:
        return int(error.returncode)
    draw(neighbors, folder / "embeddings", folder / "similarity.png", report)
    show_pairs(read_pairs(folder / "pairs", "id_a", "id_b"), threshold, folder / "corpus.jsonl")
    show_run(folder, report)
    return 0


def run_jobs(folder: Path, model: str) -> tuple[dict[str, Any], list[Pair], float]:
    """Embed and compare, in one session: the report of the embedding, the neighbors, and the threshold of the pairs."""
    from elmo_udf.spark.session import job_session

    spark, is_ours = job_session("demo", whole_machine=True)
    table = ["--embeddings", folder / "embeddings"]
    try:
        report = job("embed", folder / "embeddings", "--input", folder / "corpus.jsonl", "--model", model)
        job("similarity", folder / "topk", "topk", *table, "--k", NEIGHBORS)
        neighbors = read_pairs(folder / "topk", "id", "neighbor_id")
        threshold = cosine_of_last(neighbors, PAIRS_WANTED)
        job("similarity", folder / "pairs", "pairs", *table, "--threshold", threshold)
    finally:
        if is_ours:
            spark.stop()
    return report, neighbors, threshold


def arguments() -> argparse.Namespace:
    """Flags of scripts/demo."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description="Embed and compare the standard library's docs.")
    parser.add_argument("model", nargs="?", default="builtin:mini", help="model handle (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=ROOT / "demo-output", help="folder (default: demo-output)")
    parser.add_argument("--documents", type=int, help="only so many documents (default: all)")
    options = parser.parse_args()
    if options.output.exists() and not options.output.is_dir():
        parser.error(f"--output {str(options.output)!r} is a file, expected a folder or a path where there is nothing")
    if options.documents is not None and options.documents < 2:
        parser.error(f"--documents is {options.documents}, expected at least 2, so that there are pairs")
    return options


def shortest(path: Path) -> Path:
    """The path as seen from the current folder where it lies in it, so that command lines stay short."""
    absolute = path.absolute()
    return absolute.relative_to(Path.cwd()) if absolute.is_relative_to(Path.cwd()) else absolute


def shown(script: str, arguments: Sequence[object]) -> list[str]:
    """Show the command line of one of the project's scripts, and return its arguments as words."""
    words = [str(argument) for argument in arguments]
    print(f"\n$ python {shlex.join([script, *words])}", flush=True)
    return words


def make_corpus(*arguments: object) -> None:
    """Write the corpus, in a process of its own: it imports whatever Python has."""
    script = "scripts/demo_corpus.py"
    command = [sys.executable, str(ROOT / script), *shown(script, arguments)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def job(name: str, output: Path, *arguments: object) -> dict[str, Any]:
    """Run a job, replacing what an earlier demo left in ``output``, and return its report.

    Raises CalledProcessError where the job ends with another exit code than 0.
    """
    report = output.with_name(f"{output.name}-report.json")
    script = f"jobs/{name}.py"
    words = shown(script, [*arguments, "--output", output, "--mode", "overwrite", "--report", report])
    command, sys.argv = sys.argv, [str(ROOT / script), *words]
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as end:
        if end.code:
            raise subprocess.CalledProcessError(int(end.code), sys.argv) from None
    finally:
        sys.argv = command
    return dict(json.loads(report.read_text("utf-8")))


def read_pairs(path: Path, left: str, right: str) -> list[Pair]:
    """A table of the similarity job, most similar first."""
    table = pq.read_table(path, columns=["cosine", left, right])
    rows = zip(*(table[name].to_pylist() for name in table.column_names), strict=True)
    return sorted(rows, key=lambda row: (-row[0], row[1], row[2]))


def cosine_of_last(neighbors: list[Pair], n_pairs: int) -> float:
    """A threshold that about ``n_pairs`` pairs reach, whatever the model: the cosine of the last of so many."""
    pairs = dict.fromkeys((cosine, min(ids), max(ids)) for cosine, *ids in neighbors)  # named from both sides
    return list(pairs)[:n_pairs][-1][0]


def draw(neighbors: list[Pair], embeddings: Path, path: Path, report: dict[str, Any]) -> None:
    """The cosines of a few groups of near documents among each other, as a picture."""
    ids = groups(neighbors)
    table = pq.read_table(embeddings, columns=["id", "embedding"], filters=[("id", "in", ids)])
    names = table["id"].to_pylist()
    vectors = np.array(table["embedding"].to_pylist())  # (n, D) float64
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    title = f"Documentation of Python's standard library: {len(names)} of {report['rows_embedded']:,} documents"
    title += f"\nELMo model {report['model']}, layer {report['layer']}, mean over all tokens"
    similarity_heatmap(names, vectors @ vectors.T, path, title)


def groups(neighbors: list[Pair]) -> list[str]:
    """Ids of the tightest groups: a document and its neighbors, the farthest of which is near; one group a module."""
    members: dict[str, list[str]] = {}
    radius: dict[str, float] = {}
    for cosine, name, neighbor in neighbors:  # the closest first
        members.setdefault(name, [name]).append(neighbor)
        radius[name] = cosine
    chosen: dict[str, None] = {}  # a set that keeps its order
    modules: set[str] = set()
    for name in sorted(members, key=lambda name: (-radius[name], name)):
        module = re.split("[.:]", name)[0]
        if len(modules) < GROUPS_DRAWN and module not in modules and chosen.keys().isdisjoint(members[name]):
            modules.add(module)
            chosen |= dict.fromkeys(members[name])
    return list(chosen)


def show_pairs(pairs: list[Pair], threshold: float, corpus: Path) -> None:
    """The most similar pairs and how their texts begin; every document once, so that no group fills the table."""
    with corpus.open(encoding="utf-8") as lines:
        texts = {document["id"]: document["text"] for document in map(json.loads, lines)}
    print(f"\n{len(pairs):,} pairs of documents have a cosine of {threshold:.6f} or more. The most similar of them")
    print("(every document shown once, texts that are equal to the letter left out of the corpus):\n")
    shown: set[str] = set()
    width = max((len(name) for pair in pairs for name in pair[1:]), default=0)
    for cosine, left, right in pairs:
        if len(shown) < 2 * PAIRS_SHOWN and not {left, right} & shown:
            shown |= {left, right}
            print(f"{cosine:.6f}  {left:{width}}  {snippet(texts[left])}")
            print(f"          {right:{width}}  {snippet(texts[right])}\n")


def snippet(text: str) -> str:
    """The beginning of a text, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= SNIPPET_CHARACTERS else f"{line[: SNIPPET_CHARACTERS - 1]}…"


def show_run(folder: Path, report: dict[str, Any]) -> None:
    """Where everything is, how fast it went, and with which model."""
    print(f"Parquet tables  {folder}/embeddings, {folder}/topk, {folder}/pairs")
    print(f"picture         {folder}/similarity.png")
    print(f"speed           {report['tokens_per_s']:,.0f} tokens/s ({report['n_tokens']:,} tokens)")
    print(f"model           {report['model_note'] or report['model']}")


if __name__ == "__main__":
    sys.exit(main())
