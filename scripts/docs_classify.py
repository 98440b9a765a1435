"""Makes the numbers and pictures of docs/classify.md: the experiment on tweets, with the model named.

    python scripts/docs_classify.py [--model builtin:mini] [--data ../shared/data]

The data (tweets/train_2kmZucJ.csv and test_oJQbWVk.csv, vectors/glove.50d.5k.w2v.txt) are not part of the project. What
is written says how many rows were classified how, and nothing of their texts.
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

import numpy as np
import pandas as pd

from elmo_udf.classification.job import classify
from elmo_udf.classification.options import ClassifyOptions
from elmo_udf.cleaning import STEPS, clean
from elmo_udf.cli import run_job
from elmo_udf.study.static_vectors import StaticVectors, read_vectors
from elmo_udf.text.tokenizer import Tokenizer

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = DOCS / "classify.md"
STATIC = "glove.50d.5k.w2v.txt"
NUMBERS = re.compile(r"(?<=<!-- numbers -->\n).*?(?=<!-- end of numbers -->)", re.DOTALL)


def main() -> int:
    """Run the job, then put its pictures and numbers into the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="builtin:mini")
    parser.add_argument("--data", default=str(DOCS.parents[1] / "shared" / "data"))
    arguments = parser.parse_args()
    tweets = f"{arguments.data}/tweets/train_2kmZucJ.csv"
    texts = ["--train", tweets, "--text-column", "tweet", "--steps", ",".join(STEPS), "--model"]
    with tempfile.TemporaryDirectory() as folder:
        static_table(tweets, read_vectors(f"{arguments.data}/vectors/{STATIC}"), f"{folder}/static.parquet")
        test = ["--test", f"{arguments.data}/tweets/test_oJQbWVk.csv"]
        runs = {
            "ELMo": [*texts, arguments.model, *test, "--learn-mix", "--tfidf"],
            "ELMo, equal mix, cleaned as the notebook did": [
                *texts, arguments.model, "--punctuation-becomes", "nothing",
            ],
            "ELMo, equal mix, of `builtin:untrained`": [*texts, "builtin:untrained"],
            f"mean of the static vectors of `{STATIC}`": ["--train", f"{folder}/static.parquet"],
        }  # fmt: skip
        for number, flags in enumerate(runs.values()):
            flags = [*flags, "--label-column", "label", "--output", f"{folder}/{number}"]
            if code := run_job(classify, ClassifyOptions, "", flags, whole_machine=True):
                return code
        put_into_page({name: Path(folder) / str(number) for number, name in enumerate(runs)})
    return 0


def static_table(tweets: str, vectors: StaticVectors, path: str) -> None:
    """A table of vectors: the mean over the known tokens of each tweet, cleaned as for ELMo; of none it is zero."""
    rows, tokenizer = pd.read_csv(tweets), Tokenizer("words", "en", ClassifyOptions.max_sentence_tokens)
    means = []
    for text in rows["tweet"]:
        tokens = [token for sentence in tokenizer(clean(text, STEPS)).sentences for token in sentence]
        mean = vectors.mean(tokens)
        means.append(np.zeros(vectors.width, np.float32) if mean is None else mean)
    rows.drop(columns="tweet").assign(embedding=means).to_parquet(path)


def put_into_page(folders: dict[str, Path]) -> None:
    """The pictures of the first result beside the page, the trials of all between its marks."""
    first, *others = folders.values()
    for name in ("confusion", "curves"):
        shutil.copy(first / f"{name}.png", DOCS / f"classify-{name}.png")
    found, *more = (json.loads((folder / "metrics.json").read_text("utf-8")) for folder in (first, *others))
    found["trials"] += [
        one["trials"][0] | {"features": name} for name, one in zip(list(folders)[1:], more, strict=True)
    ]
    page = PAGE.read_text("utf-8")
    PAGE.write_text(NUMBERS.sub(lambda _: tables(found), page), "utf-8")


def tables(found: dict[str, Any]) -> str:
    """What was measured, in Markdown."""
    columns = ("features", "f1", "precision", "recall", "accuracy", "roc_area", "pr_area", "regularization")
    rows = f"There are {found['rows_train']:,} training rows and {found['rows_test']:,} test rows."
    lines = [f"The model is `{found['model']}`. {rows}", ""]
    lines += ["| " + " | ".join(columns) + " |", "| --- " * len(columns) + "|"]
    for trial in found["trials"]:
        lines.append("| " + " | ".join(shown(trial[name]) for name in columns) + " |")
    mix = next(trial["mix"] for trial in found["trials"] if trial["mix"])
    s = ", ".join(f"{weight:.2f}" for weight in mix["s"])
    lines += [
        "",
        f"The learned mix has s = ({s}), before the softmax and with `word_emb` first, and γ = {mix['gamma']:.2f}.",
        "",
    ]
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
