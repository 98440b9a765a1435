"""What the engine's benchmarks run on: networks of the published sizes with weights from a seed, and texts."""

from __future__ import annotations

import gzip
import pkgutil
import pydoc_data.topics
import random
import re
from pathlib import Path

import numpy as np

from elmo_udf.models.form import Mix, Model, NetworkOptions, array_shapes
from elmo_udf.text.tokenizer import Tokenizer

FILTERS = ((1, 32), (2, 32), (3, 64), (4, 128), (5, 256), (6, 512), (7, 1024))
SIZES = {
    "original": NetworkOptions(16, FILTERS, 2, "relu", 2, 4096, 512, 3.0, 3.0, residual=True),
    "small": NetworkOptions(16, FILTERS, 1, "relu", 2, 1024, 128, 3.0, 3.0, residual=True),
}
"""The published 2×4096/512 ("original") and 2×1024/128 ("small") networks."""

SENTENCES = Path(__file__).resolve().parents[3] / "shared" / "data" / "text" / "sentences.txt.gz"

Text = list[list[str]]


def published_model(size: str, seed: int = 0) -> Model:
    """A network of a published size; its weights keep the variance of what they multiply, as trained ones do."""
    options, generator = SIZES[size], np.random.default_rng(seed)
    arrays = {}
    for name, shape in array_shapes(options):
        scale = 0.1 if name.endswith("bias") else 1 / np.sqrt(np.prod(shape[:-1]))
        arrays[name] = generator.standard_normal(shape, dtype=np.float32) * np.float32(scale)
    arrays["character_embedding"][0] = 0
    return Model(options, arrays, Mix((0.0, 0.0, 0.0), 1.0), handle=f"{size}:{seed}")


def operations_per_token(options: NetworkOptions) -> float:
    """Operations (two a multiplication) that the published network spends on a token, all 50 positions included."""
    convolutions = sum((50 - width + 1) * width * options.character_dim * n for width, n in options.filters)
    highways = options.n_highway * 2 * options.n_filters**2 + options.n_filters * options.projection_dim
    lstm = 2 * options.projection_dim * 4 * options.cell_dim + options.cell_dim * options.projection_dim
    return 2.0 * (convolutions + highways + 2 * options.n_layers * lstm)


def natural_text(n_sentences: int, seed: int = 7) -> Text:
    """Tokens of sentences from books where these are at hand, else from the documentation of the standard library.

    Drawn at random, and cut as the jobs do by default: 23 tokens a sentence, and of 70 thousand one in seven distinct.
    """
    if SENTENCES.exists():
        lines = gzip.decompress(SENTENCES.read_bytes()).decode().splitlines()
    else:
        prose = " ".join([*pydoc_data.topics.topics.values(), *_docstrings()])
        lines = re.split(r"(?<=[.!?:])\s+(?=[A-Z])", re.sub(r"\s+", " ", prose))
    tokenizer = Tokenizer()
    drawn = [tokenizer(line).sentences for line in random.Random(seed).sample(lines, min(n_sentences, len(lines)))]
    return [[token for part in parts for token in part] for parts in drawn if parts]


def _docstrings() -> list[str]:
    """Of the modules of the standard library that are written in Python, as their source text has them."""
    found = []
    for module in pkgutil.iter_modules():
        path = getattr(module.module_finder, "path", "")
        source = Path(path) / f"{module.name}.py"
        if "site-packages" not in path and source.is_file():
            found += re.findall(r'"""(.+?)"""', source.read_text("utf-8", "replace"), re.DOTALL)
    return found


def templated_text(n_lines: int, seed: int = 7) -> Text:
    """Distinct lines from 50 templates of 12 to 20 words, with 100 values in each of two slots."""
    generator, words = random.Random(seed), sorted({word for sentence in natural_text(3000) for word in sentence})
    templates = [generator.sample(words, generator.randint(12, 20)) for _ in range(50)]
    values = generator.sample(words, 100)
    lines: set[tuple[str, ...]] = set()
    while len(lines) < n_lines:
        line = list(generator.choice(templates))
        line[len(line) // 2], line[len(line) * 5 // 6] = generator.choice(values), generator.choice(values)
        lines.add(tuple(line))
    return sorted(map(list, lines), key=lambda _: generator.random())


def with_boundaries(text: Text) -> Text:
    """Each sentence between the two boundaries that the published network reads as any other token."""
    return [["<S>", *sentence, "</S>"] for sentence in text]


def with_padding(text: Text, batch: int = 32) -> Text:
    """Sentences in their own order, each as long as the longest of its batch."""
    padded = []
    for first in range(0, len(text), batch):
        longest = max(map(len, text[first : first + batch]))
        padded += [[*sentence, *["."] * (longest - len(sentence))] for sentence in text[first : first + batch]]
    return padded
