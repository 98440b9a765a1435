"""Makes the numbers and pictures of docs/classify.md: the experiment on tweets, with the model named.

    python scripts/docs_classify.py [--model builtin:mini] [--data ../shared/data/tweets]

The data (train_2kmZucJ.csv and test_oJQbWVk.csv) are not part of the project. What is written says how many rows were
classified how, and nothing of their texts.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from elmo_udf.classification.job import classify
from elmo_udf.classification.options import ClassifyOptions
from elmo_udf.cleaning import STEPS
from elmo_udf.cli import run_job

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = DOCS / "classify.md"
NUMBERS = re.compile(r"(?<=<!-- numbers -->\n).*?(?=<!-- end of numbers -->)", re.DOTALL)


def main() -> int:
    """Run the job, then put its pictures and numbers into the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="builtin:mini")
    parser.add_argument("--data", default=str(DOCS.parents[1] / "shared" / "data" / "tweets"))
    arguments = parser.parse_args()
    common = ["--train", f"{arguments.data}/train_2kmZucJ.csv", "--label-column", "label", "--text-column", "tweet"]
    common += ["--steps", ",".join(STEPS), "--model", arguments.model]
    runs = {
        "out": ["--test", f"{arguments.data}/test_oJQbWVk.csv", "--learn-mix", "--tfidf"],
        "as-the-notebook": ["--punctuation-becomes", "nothing"],
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, flags in runs.items():
            flags = [*common, *flags, "--output", f"{folder}/{name}"]
            if code := run_job(classify, ClassifyOptions, "", flags, whole_machine=True):
                return code
        put_into_page(Path(folder) / "out", Path(folder) / "as-the-notebook")
    return 0


def put_into_page(results: Path, notebook: Path) -> None:
    """The pictures beside the page, the tables between its marks."""
    for name in ("confusion", "curves"):
        shutil.copy(results / f"{name}.png", DOCS / f"classify-{name}.png")
    found, other = (json.loads((folder / "metrics.json").read_text("utf-8")) for folder in (results, notebook))
    found["trials"].append(other["trials"][0] | {"features": "ELMo, equal mix, cleaned as the notebook did"})
    page = PAGE.read_text("utf-8")
    PAGE.write_text(NUMBERS.sub(lambda _: tables(found), page), "utf-8")


def tables(found: dict[str, Any]) -> str:
    """What was measured, in Markdown."""
    columns = ("features", "f1", "precision", "recall", "accuracy", "roc_area", "pr_area", "regularization")
    lines = [f"Model `{found['model']}`" + (f" ({found['model_note']})" if found.get("model_note") else "") + "; ", ""]
    lines[0] += f"{found['rows_train']:,} rows to train on, {found['rows_test']:,} held out."
    lines += ["| " + " | ".join(columns) + " |", "| --- " * len(columns) + "|"]
    for trial in found["trials"]:
        lines.append("| " + " | ".join(shown(trial[name]) for name in columns) + " |")
    mix = next(trial["mix"] for trial in found["trials"] if trial["mix"])
    s = ", ".join(f"{weight:.2f}" for weight in mix["s"])
    lines += ["", f"The learned mix: s = ({s}), γ = {mix['gamma']:.2f}; before the softmax, `word_emb` first.", ""]
    return "\n".join(lines)


def shown(value: Any) -> str:
    """A number as it is read best."""
    return (
        f"{value:.4f}"
        if isinstance(value, float) and value >= 0.01
        else f"{value:g}"
        if isinstance(value, float)
        else value
    )


if __name__ == "__main__":
    sys.exit(main())
