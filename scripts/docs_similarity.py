"""Writes the arithmetic of docs/similarity.md, and what benchmarks/results/similarity.json says; with a corpus, also
measures what the page shows, and its figure.

python scripts/docs_similarity.py [CORPUS [WORK]]

CORPUS is the file of JSON lines that scripts/demo leaves (demo-output/corpus.jsonl). WORK keeps the tables (default: a
temporary folder); an embedding table that it has is not made again.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from similarity_plans import arithmetic

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "similarity.md"
ARITHMETIC = "<!-- arithmetic: written by scripts/docs_similarity.py -->", "<!-- end of arithmetic -->"
PICTURE = "Histogram of the cosines of all pairs, and of each document and its ten nearest neighbors"
RESULTS = ROOT / "scripts" / "benchmarks" / "results" / "similarity.json"
GROWTH = "<!-- growth: written by scripts/docs_similarity.py -->", "<!-- end of growth -->"
SHOWN = {
    "topk_small": "topk, k = 10",
    "topk_middle": "topk, k = 10",
    "topk_large": "topk, k = 10",
    "topk_huge": "topk, k = 10",
    "many_middle": "topk, k = 200",
    "pairs_huge": "pairs at 0.95, `--no-prune`",
    "pruned_huge": "pairs at 0.95",
}
"""Figures of the results, and what was asked."""
MEASURED = "<!-- measured: written by scripts/docs_similarity.py -->", "<!-- end of what was measured -->"


def main(arguments: list[str]) -> int:
    """Write the arithmetic and the results there are, and what is measured where there is a corpus."""
    text = between(PAGE.read_text("utf-8"), ARITHMETIC, arithmetic())
    if RESULTS.exists():
        text = between(text, GROWTH, growth(json.loads(RESULTS.read_text("utf-8"))))
    if arguments:
        with tempfile.TemporaryDirectory() as temporary:
            work = Path(arguments[1] if len(arguments) > 1 else temporary)
            text = between(text, MEASURED, measured(arguments[0], work))
    PAGE.write_text(text, "utf-8")
    return 0


def between(page: str, marks: tuple[str, str], text: str) -> str:
    """The page with this text between the marks."""
    found = re.compile(f"{re.escape(marks[0])}.*{re.escape(marks[1])}", re.DOTALL)
    if not found.search(page):
        raise SystemExit(f"{PAGE} lacks the marks {marks[0]!r}")
    return found.sub(lambda _: f"{marks[0]}\n{text}\n{marks[1]}", page)


def growth(results: dict[str, Any]) -> str:
    """How cost grows with the rows, as it was measured."""
    lines = ["| rows | kind | time | packing | GFLOP/s | read from blocks | shuffled | memory of a worker |"]
    lines.append("| --- " * 8 + "|")
    for name, what in SHOWN.items():
        one = results["figures"][name]
        numbers = f"{one['seconds']:.1f} s | {one['packing_s']:.1f} s | {one['gflop_per_s']:.0f}"
        moved = f"{one['bytes_read'] / 2**20:,.0f} MiB | {one['spark']['shuffled'] / 2**20:.1f} MiB"
        lines.append(f"| {one['plan']['rows']:,} | {what} | {numbers} | {moved} | {one['worker_gib']:.2f} GiB |")
    machine = results["machine"]
    lines += [
        "",
        f"Measured on {machine['cores']} cores of {machine['processor']} with {' and '.join(results['blas'])}.",
    ]
    lines[-1] += f" Plain matrix products reach {results['figures']['peak_gflop_per_s']:.0f} GFLOP/s there."
    return "\n".join(lines)


def measured(corpus: str, work: Path) -> str:
    """Draw the cosines, and say how many pairs and groups there are, with and without a correction."""
    if not (work / "vectors").exists():
        run("embed", ["--input", str(Path(corpus).absolute()), "--output", "vectors"], work)
    compared = ["--embeddings", "vectors", "--mode", "overwrite", "--output"]
    run("similarity", ["topk", *compared, "near", "--plot", str(PAGE.parent / "similarity-cosines.png")], work)
    refused = run("similarity", ["pairs", *compared, "many", "--threshold", "0.8", "--max-pairs", "1000"], work)
    asked = "--threshold 0.8 --max-pairs 1000"
    lines = [f"`scripts/demo` embeds Python's documentation. On its table, `pairs {asked}` stops:", ""]
    lines += ["<!-- not run: the table of the demo takes minutes to make -->"]
    lines += ["```text", f"error: {refused['error']}", "```", "", f"![{PICTURE}](similarity-cosines.png)", ""]
    lines += ["These are the near duplicates in the same corpus at threshold 0.9:", ""]
    lines += ["| correction | quantiles of the cosines | pairs | groups | documents in groups |", "| --- " * 5 + "|"]
    for flags in ([], ["--center"], ["--remove-components", "2"], ["--whiten", "128"]):
        report = run("similarity", ["groups", *compared, "groups", *flags], work)
        shown = [f"{share}: {report['cosine_quantiles'][share]:.2f}" for share in ("0.05", "0.5", "0.95", "0.999")]
        counts = " | ".join(f"{report[name]:,}" for name in ("pairs", "groups", "rows_out"))
        lines.append(f"| {report['correction']} | {', '.join(shown)} | {counts} |")
    return "\n".join(lines)


def run(job: str, flags: list[str], work: Path) -> dict[str, Any]:
    """The report of a run of the job in the folder ``work``."""
    command = [sys.executable, str(ROOT / "jobs" / f"{job}.py"), *flags, "--report", "report.json"]
    subprocess.run(command, cwd=work, check=False)
    return dict(json.loads((work / "report.json").read_text("utf-8")))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
