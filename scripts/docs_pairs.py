"""Measures what docs/evaluate.md and docs/pairs.md show, and writes it into them, with their pictures.

python scripts/docs_pairs.py DATA [WORK]

DATA is a folder with stsb/stsb_dev.tsv and stsb_train.tsv (the STS benchmark: score, sentence1, sentence2) and
vectors/glove.50d.5k.w2v.txt. WORK keeps the reports (default: a temporary folder); those that it has are not made
again, so that pages can be written anew from them.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
BEGIN, END = "<!-- measured: written by scripts/docs_pairs.py -->", "<!-- end of what was measured -->"


def main(data: Path, work: Path) -> int:
    """Run both jobs where their reports are not there, and write both pages."""
    dev, train = (str(data / "stsb" / f"stsb_{name}.tsv") for name in ("dev", "train"))
    beside = ["--fit-mix", "--train", train, "--tfidf", "--compare-model", "builtin:untrained"]
    beside += ["--vectors", str(data / "vectors" / "glove.50d.5k.w2v.txt"), "--plot", str(DOCS / "evaluate.png")]
    evaluation = report_of("evaluate", work, ["--input", dev, *beside])
    scored = ["--label-column", "score", "--center", "--plot", str(DOCS / "pairs.png")]
    pairs = report_of("pairs", work, ["--input", dev, *scored])
    write("evaluate", evaluation_text(evaluation))
    write("pairs", pairs_text(pairs))
    return 0


def report_of(job: str, work: Path, flags: list[str]) -> dict[str, Any]:
    """The report of a run of the job, made where it is missing."""
    path = work / f"{job}.json"
    if not path.exists():
        output = ["--output", str(work / job), "--mode", "overwrite", "--report", str(path)]
        subprocess.run([sys.executable, str(ROOT / "jobs" / f"{job}.py"), *flags, *output], check=True)
    return dict(json.loads(path.read_text("utf-8")))


def evaluation_text(report: dict[str, Any]) -> str:
    """Spearman's correlations, a line a layer and a column a correction; then the mix."""
    rows = report["correlations"]
    corrections = list(dict.fromkeys(row["correction"] for row in rows))
    found = {(row["model"], row["layer"], row["pooling"], row["correction"]): row["spearman"] for row in rows}
    lines = [
        "| model | layer | pooling | " + " | ".join(corrections) + " |",
        "| --- | --- | ---" + " | ---" * len(corrections) + " |",
    ]
    for key in dict.fromkeys(key[:3] for key in found):
        values = (found.get((*key, correction)) for correction in corrections)
        cells = [Path(key[0]).name, *key[1:], *("" if value is None else f"{value:.3f}" for value in values)]
        lines.append("| " + " | ".join(cells) + " |")
    weights, mix = ", ".join(f"{weight:.3f}" for weight in report["mix_softmax"]), report["mix"]
    s = ", ".join(f"{weight:.4f}" for weight in mix["weights"])
    about = (
        f"The numbers are Spearman's correlations on the {report['rows_in']:,} pairs of the STS benchmark's "
        f"development set, with `{report['model']}` (fingerprint {report['fingerprint']}). The mix was fitted on the "
        f"{report['train_rows_in']:,} pairs of the training set: s = ({s}) and γ = {mix['scale']:g}. These are weights "
        f"of {weights} for `word_emb` and the LSTM layers. On the training set, with centered vectors, this mix has a "
        f"correlation of {report['mix_train_spearman']:.3f}, and equal weights have "
        f"{report['equal_mix_train_spearman']:.3f}. The file of static vectors contains "
        f"{report['vectors_words_found']:,} of the {report['vectors_words_wanted']:,} different tokens."
    )
    lines += ["", *textwrap.wrap(about, 118)]
    return "\n".join(lines)


def pairs_text(report: dict[str, Any]) -> str:
    """The lines of the report that are about cosines and scores."""
    names = ("model", "layer", "pooling", "correction", "rows_in", "rows_out", "n_texts", "spearman", "pearson")
    lines = [f"{name:<10}  {report[name]}" for name in names]
    quantiles = [f"{name} {value:.3f}" for name, value in report["cosine_quantiles"].items()]
    why = "<!-- not run: the numbers are those of the STS benchmark, which is not part of the project -->"
    return "\n".join([why, "```text", *lines, f"quantiles   {', '.join(quantiles)}", "```"])


def write(page: str, text: str) -> None:
    """Put the text between the marks of the page."""
    path = DOCS / f"{page}.md"
    marked = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
    old = path.read_text("utf-8")
    if not marked.search(old):
        raise SystemExit(f"{path} lacks the marks between which numbers go")
    path.write_text(marked.sub(lambda _: f"{BEGIN}\n{text}\n{END}", old), "utf-8")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    with tempfile.TemporaryDirectory() as temporary:
        sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) == 3 else temporary)))
