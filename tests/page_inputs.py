"""Small files in place of what a reader brings: named, laid out and typed as the commands of a page expect.

Pages show commands on data that everybody has of their own. Their numbers are made by the scripts that the pages name.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

THINGS = ("kettle", "moon", "tide", "river", "hill", "letter", "engine", "market", "garden", "bridge", "lamp", "storm")
GOOD, BAD = ("good", "fine", "great", "lovely"), ("bad", "awful", "broken", "poor")


def sentences(n: int, seed: int = 1) -> Iterator[str]:
    draw = random.Random(seed)
    for _ in range(n):
        first, second, third = draw.sample(THINGS, 3)
        yield f"The {first} near the {second} was {draw.choice(GOOD + BAD)}, and the {third} too."


def opinions(n: int, seed: int = 2) -> Iterator[tuple[str, int]]:
    draw = random.Random(seed)
    for i in range(n):
        words = " ".join(draw.choices((GOOD, BAD)[i % 2], k=2))
        yield f"My {draw.choice(THINGS)} is {words}, number {i}.", i % 2


def write_inputs(folder: Path) -> None:
    """Write every file that a page reads and does not make."""
    texts = list(enumerate(sentences(60)))
    write_csv(folder / "articles.csv", "id,text", texts[:40])
    write_csv(folder / "new.csv", "id,text", texts[30:])
    (folder / "questions.txt").write_text("The moon and the tides.\nWho reads letters?\n", "utf-8")
    (folder / "corpus.txt").write_text("\n".join(sentences(400, seed=3)), "utf-8")
    labelled = list(opinions(120))
    write_csv(folder / "tweets.csv", "id,label,tweet", [(i, label, text) for i, (text, label) in enumerate(labelled)])
    write_csv(folder / "unlabelled.csv", "id,tweet", [(1000 + i, text) for i, (text, _) in enumerate(labelled[:9])])
    for name, seed in (("stsb_train.tsv", 4), ("stsb_dev.tsv", 5)):
        write_csv(folder / name, "score\tsentence1\tsentence2", scored_pairs(40, seed), "\t")
    write_csv(folder / "imdb" / "train.csv", "id,text,label", [(i, *one) for i, one in enumerate(opinions(1000))])
    for name in ("glove.txt", "glove.50d.5k.w2v.txt"):
        write_vectors(folder / name, (*THINGS, *GOOD, *BAD, "the", "near", "was", "and"), width=50)


def scored_pairs(n: int, seed: int) -> list[tuple[object, ...]]:
    draw = random.Random(seed)
    texts = list(sentences(2 * n, seed))
    return [(round(draw.uniform(0, 5), 1), left, right) for left, right in zip(texts[:n], texts[n:], strict=True)]


def write_csv(path: Path, names: str, rows: Sequence[tuple[object, ...]], delimiter: str = ",") -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerows([names.split(delimiter), *rows])


def write_vectors(path: Path, words: tuple[str, ...], width: int) -> None:
    """Write static word vectors in word2vec's text format."""
    numbers = np.random.default_rng(1).normal(size=(len(words), width))
    lines = [f"{word} {' '.join(f'{x:.4f}' for x in row)}" for word, row in zip(words, numbers, strict=True)]
    path.write_text("\n".join([f"{len(words)} {width}", *lines, ""]), "utf-8")
