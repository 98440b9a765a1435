"""Write the README's table of measurements from results/*.json.

python scripts/benchmarks/table.py
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RESULTS = Path(__file__).parent / "results"
BEGIN, END = "<!-- scripts/benchmarks/table.py -->\n", "<!-- end of the table -->\n"

ROWS = (
    (
        "engine",
        "f32_vs_best_peer",
        "Embedding, published size, float32",
        "{figures[float32, middle][mean_tokens_per_s]:,} tokens/s, {:.1f} times AllenNLP or simple_elmo at their best",
    ),
    ("engine", "f32_vs_shipped_peer", "", "{:.1f} times either as it ships"),
    (
        "engine",
        "bf16_vs_best_peer",
        "The same in bfloat16",
        "{figures[bfloat16, middle][mean_tokens_per_s]:,} tokens/s, {:.1f} times",
    ),
    ("engine", "bf16_vs_shipped_peer", "", "{:.1f} times"),
    (
        "engine",
        "f32_of_peak",
        "The published network's operations over the time",
        "{:.2f} times the peak of bare matrix products, as work is shared",
    ),
    ("engine", "peak_gib", "Memory of a process, of a run ten times as long too", "{:.1f} GiB at most"),
    ("job", "local_of_engine", "The whole job on Spark, after its start", "{:.0%} of the engine's own rate"),
    ("job", "cluster_of_engine", "The same on two executors of one core", "{:.0%}"),
    (
        "similarity",
        "topk_of_peak",
        "Ten nearest of each of 100,000 × 1,024, on Spark",
        "{:.0%} of the rate of bare matrix products",
    ),
    ("similarity", "vs_faiss", "Ten nearest of each of 50,000", "{:.1f} times as fast as faiss"),
    ("similarity", "vs_sklearn", "", "{:.1f} times as fast as scikit-learn"),
    (
        "similarity",
        "vs_blockmatrix",
        "Ten nearest of each of 10,000",
        "{:.1f} times as fast as Spark's BlockMatrix product",
    ),
    (
        "similarity",
        "vs_crossjoin",
        "Pairs of 10,000 above 0.95",
        "{:.0f} times as fast as Spark's cross join (from 2,000 rows)",
    ),
    ("similarity", "vs_lsh", "", "{:.0f} times as fast as Spark's LSH join, with no pair lost"),
    ("similarity", "pruned_gain", "Pairs of 100,000 above 0.95", "pruning: {:.1f} times faster, the same pairs"),
    ("train", "vs_simple_elmo", "Training, tokens a second", "{:.2f} times simple_elmo's"),
    ("train", "perplexity_ratio", "Perplexity after the same tokens", "{:.2f} of simple_elmo's"),
    ("lake", "bytes_of_plain", "Bytes of a vector in Parquet", "{:.2f} of plain float32"),
    ("lake", "incremental_overhead", "Finding the changed 1 % of 100,000 documents", "{:.1%} of the time to embed all"),
)
"""Results file, bar, what was measured, and how the number (and others of the file's figures) is said."""


def main() -> None:
    """Put the table between its marks in the README."""
    readme = ROOT / "README.md"
    readme.write_text(with_table(readme.read_text("utf-8")), "utf-8")


def with_table(text: str) -> str:
    """``text`` with the table of the results that are there."""
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + "\n" + "".join(lines()) + "\n" + END + rest.partition(END)[2]


def lines() -> Iterator[str]:
    """A line a bar."""
    results = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(RESULTS.glob("*.json"))}
    machines = dict.fromkeys(_machine(results[file]["machine"]) for file, *_ in ROWS if file in results)
    yield "| | |\n| --- | --- |\n"
    for file, bar, what, said in ROWS:
        if bar in results.get(file, {}).get("bars", {}):
            shown = said.format(results[file]["bars"][bar], figures=results[file].get("figures"))
            yield f"| {what} | {shown} |\n"
    yield f"\nMeasured on {'; on '.join(machines)}.\n"


def _machine(machine: dict[str, Any]) -> str:
    numbers = [f"{name} {machine[name]}" for name in ("cpu family", "model") if name in machine]
    processor = machine["processor"] + (f" ({', '.join(numbers)})" if numbers else "")
    return f"{machine['cores']} cores of {processor}, {machine['memory_gib']:.0f} GiB"


if __name__ == "__main__":
    main()
