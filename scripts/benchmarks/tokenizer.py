"""Which share of the embedding time goes into sentences and tokens, with the fastest model there is.

    python scripts/benchmarks/tokenizer.py [--quick]

The text is the documentation in pydoc_data, which every Python has. With a larger model the share is smaller.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from importlib.metadata import version
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

from elmo_udf import Network, load_model
from elmo_udf.embedding.documents import embed_documents
from elmo_udf.options import ModelOptions
from elmo_udf.text.tokenizer import Tokenizer

RESULTS = Path(__file__).parent / "results" / "tokenizer.json"


def main() -> None:
    """Measure, print, and write the results (not with --quick)."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few documents; results are not written")
    quick = parser.parse_args().quick
    texts = list(topics.values())[: 5 if quick else None]
    tokenizer, network = Tokenizer("words"), Network(load_model("builtin:mini"), threads=os.cpu_count())
    n_tokens = sum(tokenizer(text).n_tokens for text in texts)  # the first round warms up
    tokenizing, embedding = [], []
    for _ in range(1 if quick else 5):
        started = time.perf_counter()
        for text in texts:
            tokenizer(text)
        tokenizing.append(time.perf_counter() - started)
        started = time.perf_counter()
        for _ in embed_documents(texts, network, ModelOptions(tokenizer="words")):
            pass
        embedding.append(time.perf_counter() - started)
    share = statistics.median(tokenizing) / statistics.median(embedding)
    result: dict[str, Any] = {
        "machine": {"processor": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()},
        "versions": {name: version(name) for name in ("sacremoses", "sentencex", "tensorflow", "numpy")},
        "model": "builtin:mini",
        "n_documents": len(texts),
        "n_tokens": n_tokens,
        "tokenizer_tokens_per_s": round(n_tokens / statistics.median(tokenizing)),
        "embedding_tokens_per_s": round(n_tokens / statistics.median(embedding)),
        "bars": {"tokenizer_share": round(share, 4)},
    }
    print(json.dumps(result, indent=2))
    if not quick:
        RESULTS.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
