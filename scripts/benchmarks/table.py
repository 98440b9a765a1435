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

ROWS: tuple[tuple[str, tuple[str, ...], str, str], ...] = (
    (
        "engine",
        ("f32_vs_best_peer", "f32_vs_shipped_peer"),
        "Embedding in float32 with a model of the published size",
        "{figures[float32, middle][mean_tokens_per_s]:,} tokens/s: {:.1f} times the faster of AllenNLP and simple_elmo "
        "at its best settings, {:.1f} times at its default settings",
    ),
    (
        "engine",
        ("bf16_vs_best_peer", "bf16_vs_shipped_peer"),
        "The same in bfloat16",
        "{figures[bfloat16, middle][mean_tokens_per_s]:,} tokens/s: {:.1f} times and {:.1f} times",
    ),
    (
        "engine",
        ("f32_of_peak",),
        "Effective rate of the network's arithmetic",
        "Words and prefixes that repeat are computed once, so the effective rate exceeds that of plain matrix "
        "products: {:.2f} times",
    ),
    (
        "engine",
        ("peak_gib",),
        "Memory of the embedding process",
        "At most {:.1f} GiB, also when it reads ten times as much text",
    ),
    (
        "job",
        ("local_of_engine", "cluster_of_engine"),
        "Embedding as a Spark job, with the write, after the start",
        "{:.0%} of the rate that the network reaches in one process without Spark; {:.0%} on two executors with one "
        "core each",
    ),
    (
        "similarity",
        ("topk_of_peak",),
        "Ten nearest neighbors of each of 100,000 vectors (1,024 values each)",
        "{:.0%} of the rate of plain matrix products",
    ),
    (
        "similarity",
        ("vs_faiss", "vs_sklearn"),
        "Ten nearest neighbors of each of 50,000 vectors",
        "{:.1f} times as fast as faiss, {:.1f} times as fast as scikit-learn",
    ),
    (
        "similarity",
        ("vs_blockmatrix",),
        "Ten nearest neighbors of each of 10,000 vectors",
        "{:.1f} times as fast as a product of Spark's BlockMatrix",
    ),
    (
        "similarity",
        ("vs_crossjoin", "vs_lsh"),
        "All pairs of 10,000 vectors with a cosine above 0.95",
        "{:.0f} times as fast as Spark's cross join (estimated from 2,000 vectors), {:.0f} times as fast as Spark's "
        "LSH join, which is approximate",
    ),
    (
        "similarity",
        ("pruned_gain",),
        "All pairs of 100,000 vectors with a cosine above 0.95",
        "Pruning makes this {:.1f} times as fast, and finds the same pairs",
    ),
    (
        "train",
        ("vs_simple_elmo", "perplexity_ratio"),
        "Training",
        "{:.2f} times as many tokens/s as simple_elmo; after the same number of tokens, {:.2f} times its perplexity "
        "(lower is better)",
    ),
    ("lake", ("bytes_of_plain",), "Size of a vector in Parquet", "{:.2f} times the size of its float32 values"),
    (
        "lake",
        ("incremental_overhead",),
        "Finding the 1% of 100,000 documents that have changed",
        "{:.1%} of the time it takes to embed all of them",
    ),
)
"""The rows of the table: a results file, keys in its ``bars``, a label, and a sentence that shows those numbers.

The sentence may also show values of the file's ``figures``.
"""


def main() -> None:
    """Write the table between its two marks in the README."""
    readme = ROOT / "README.md"
    readme.write_text(with_table(readme.read_text("utf-8")), "utf-8")


def with_table(text: str) -> str:
    """Returns ``text`` with a new table, made from the results files that exist."""
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + "\n" + "".join(lines()) + "\n" + END + rest.partition(END)[2]


def lines() -> Iterator[str]:
    """Yields the lines of the table, then a line that names the machines."""
    results = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(RESULTS.glob("*.json"))}
    machines = dict.fromkeys(_machine(results[file]["machine"]) for file, *_ in ROWS if file in results)
    yield "| What was measured | Result |\n| --- | --- |\n"
    for file, names, label, sentence in ROWS:
        bars = results.get(file, {}).get("bars", {})
        if bars.keys() >= set(names):
            shown = sentence.format(*(bars[name] for name in names), figures=results[file].get("figures"))
            yield f"| {label} | {shown} |\n"
    yield f"\nThe machines were {'; and '.join(machines)}.\n"


def _machine(machine: dict[str, Any]) -> str:
    numbers = [f"{name} {machine[name]}" for name in ("cpu family", "model") if name in machine]
    processor = machine["processor"] + (f" ({', '.join(numbers)})" if numbers else "")
    return f"{machine['cores']} cores of {processor}, {machine['memory_gib']:.0f} GiB"


if __name__ == "__main__":
    main()
