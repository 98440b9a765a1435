"""Which share of the embedding time goes into sentences and tokens, with the smallest model and the published one.

    python scripts/benchmarks/tokenizer.py [--quick]

The text is documentation from pydoc_data, which every Python has; embedding has it once, with no word known before.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

from published import published_model

from elmo_udf import Network, load_model
from elmo_udf.embedding.documents import embed_documents
from elmo_udf.embedding.layout import Layout
from elmo_udf.text.tokenizer import Tokenizer

RESULTS = Path(__file__).parent / "results" / "tokenizer.json"


def seconds(work: Callable[[], object]) -> float:
    """How long ``work`` takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def embed(texts: list[str], network: Network, tokenizer: Tokenizer) -> None:
    """Embed every text."""
    for _ in embed_documents(texts, network, Layout.of(network.options, ["elmo"]), tokenizer):
        pass


def main() -> None:
    """Measure, print, and write the results (not with --quick)."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few documents; results are not written")
    quick = parser.parse_args().quick
    texts = list(topics.values())[: 3 if quick else 20]
    tokenizer = Tokenizer("words")
    n_tokens = sum(tokenizer(text).n_tokens for text in texts)  # the first round warms up
    tokenizing = statistics.median(seconds(lambda: [tokenizer(text) for text in texts]) for _ in range(5))
    shares, rates = {}, {}
    for name, model in {"builtin:mini": load_model("builtin:mini"), "original": published_model("original")}.items():
        network = Network(model, threads=os.cpu_count())
        embedding = seconds(partial(embed, texts, network, tokenizer))
        shares[name], rates[name] = round(tokenizing / embedding, 4), round(n_tokens / embedding)
    result: dict[str, Any] = {
        "machine": {"processor": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()},
        "versions": {name: version(name) for name in ("sacremoses", "sentencex", "tensorflow", "numpy")},
        "n_documents": len(texts),
        "n_tokens": n_tokens,
        "tokenizer_tokens_per_s": round(n_tokens / tokenizing),
        "embedding_tokens_per_s": rates,
        "share_of_embedding": shares,
        "bars": {"tokenizer_share": shares["original"]},
    }
    print(json.dumps(result, indent=2))
    if not quick:
        RESULTS.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
