"""How fast the engine is, what it needs, and what each of its savings gains; each figure in a process of its own.

    python scripts/benchmarks/engine.py [--quick]

The engine against this machine's own matrix products: the operations of the published network, which reads a sentence's
two boundaries too, over the time. Below the peak time is lost outside of products, above it work is shared.
And against AllenNLP and simple_elmo (engine_peers.py), which take most of the time: more than an hour. What is read
once, the peers and the gains of savings, is held against the mean of three readings in the middle of the run; the peak,
the best of many products, and the best of the engine's readings are those of the whole run, as its beginning and end
show what other guests of the machine take. Leave the machine alone while it runs.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from engine_peers import PEERS, difference_to_allennlp, fastest, measure_peers
from environments import machine
from published import (
    SIZES,
    Text,
    natural_text,
    operations_per_token,
    published_model,
    templated_text,
    with_boundaries,
    with_padding,
)

from elmo_udf.embedding import windows
from elmo_udf.embedding.documents import embed_documents
from elmo_udf.embedding.layout import Layout
from elmo_udf.embedding.pooling import Pool
from elmo_udf.network import batches as batching
from elmo_udf.network import engine
from elmo_udf.network.budget import processor_budget
from elmo_udf.network.forest import plant
from elmo_udf.network.runtime import return_freed_memory
from elmo_udf.text.tokenizer import Tokenizer

RESULTS = Path(__file__).parent / "results" / "engine.json"
THREADS = os.cpu_count() or 1
SHORT = {"float32": "f32", "bfloat16": "bf16"}


def alone(function: Callable[..., Any], *arguments: object) -> Any:
    """The function's result from a fresh process: no memory, thread or trace of another measurement."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def product_peak(precision: str) -> dict[str, float]:
    """Rates of matrix products of the LSTM's shapes, the best in GFLOP/s: over a quarter second, and of one alone.

    What a machine does for a few milliseconds it can't do for long: work that takes minutes is held against the first.
    """
    from elmo_udf.network.runtime import start_tensorflow

    tf = start_tensorflow(THREADS)
    lasting = single = 0.0
    for rows in (128, 256, 512, 1024):
        for inner, outer in ((1024, 4096), (1024, 16384), (4096, 512)):
            a, b = (tf.cast(tf.random.normal(shape), precision) for shape in ((rows, inner), (inner, outer)))
            product = tf.function(lambda a, b: a @ b)
            product(a, b)
            flop = 2 * rows * inner * outer
            for _ in range(5):
                ends = [time.perf_counter()]
                while ends[-1] - ends[0] < 0.25:
                    product(a, b)  # done when it returns, on a CPU
                    ends.append(time.perf_counter())
                lasting = max(lasting, (len(ends) - 1) * flop / (ends[-1] - ends[0]) / 1e9)
                single = max(single, flop / min(np.diff(ends)) / 1e9)
    return {"lasting": round(lasting), "alone": round(single)}


def rate(
    size: str, text: Text, repeats: int, precision: str = "float32", off: str = "", window_tokens: int = 0
) -> dict[str, float]:
    """Best and mean tokens/s of ``repeats`` readings of ``text`` that start with an empty memory of words; peak GiB.

    In pieces where ``window_tokens`` says so, as documents are embedded, whose results are not kept.
    """
    with_all: dict[str, Any] = {"precision": precision, "threads": THREADS}
    arguments, switch = OFF[off]
    network = engine.Network(published_model(size), **(with_all | arguments))
    return_freed_memory()  # as workers do
    switch(network)
    network.layers([["warm", "up"]], ["elmo"])
    seconds = []
    for _ in range(repeats):
        network._words._rows.clear()
        started = time.perf_counter()
        for piece in windows.chunks(text, window_tokens or sum(map(len, text))):
            network.layers(piece, ["elmo"])
        seconds.append(time.perf_counter() - started)
    peak_gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    n_tokens = sum(map(len, text))
    return {
        "tokens_per_s": round(n_tokens / min(seconds)),
        "mean_tokens_per_s": round(n_tokens * repeats / sum(seconds)),
        "peak_gib": round(peak_gib, 2),
    }


def documents_rate(size: str, text: Text, times: int) -> dict[str, float]:
    """Tokens/s where every sentence is ``times`` documents in a row: a job brings equal texts together."""
    network = engine.Network(published_model(size), threads=THREADS)
    network.layers([["warm", "up"]], ["elmo"])
    texts = [" ".join(sentence) for sentence in text for _ in range(times)]
    started = time.perf_counter()
    layout, tokenizer = Layout.of(SIZES[size], ["elmo"]), Tokenizer("whitespace")  # the same tokens as elsewhere
    n_tokens = sum(one.tokenized.n_tokens for one in embed_documents(texts, network, layout, tokenizer))
    return {"tokens_per_s": round(n_tokens / (time.perf_counter() - started))}


def document_vectors(size: str, text: Text, precision: str) -> np.ndarray:
    """Mean of the tokens of each sentence: (n_sentences, D)."""
    rows = engine.Network(published_model(size), precision=precision, threads=THREADS).layers(text, ["elmo"])["elmo"]
    return _means(rows, text)


def pooling_seconds(size: str, text: Text) -> float:
    """To take the mean of each sentence's tokens outside of the graph, where pooling inside of it would do it instead.

    On a CPU; with a GPU all tokens' vectors have to leave its memory, too.
    """
    rows = np.ones((sum(map(len, text)), 2 * SIZES[size].projection_dim), np.float32)
    started = time.perf_counter()
    _means(rows, text)
    return time.perf_counter() - started


def _means(rows: np.ndarray, text: Text) -> np.ndarray:
    pool = Pool(len(text), rows.shape[1], "mean")
    pool.add(rows, np.repeat(np.arange(len(text)), [len(sentence) for sentence in text]))
    return pool.result()


def with_more(size: str, text: Text, longer: Text) -> dict[str, float]:
    """Tokens/s of ``text`` where ``longer`` is read instead, its tokens and others, none of them shared."""
    figure: dict[str, float] = alone(rate, size, longer, 1, "float32", "shared beginnings and ends")
    return {"tokens_per_s": round(figure["tokens_per_s"] * sum(map(len, text)) / sum(map(len, longer)))}


def products_left(size: str, text: Text) -> float:
    """Operations a token that are left of the network's when all sharing is done: LSTMs of the nodes of both forests.

    Over the machine's peak they are the most that an exact engine which shares like this one could reach, with words,
    and all that is no product, for nothing.
    """
    options, n_nodes, budget = SIZES[size], 0, processor_budget("float32")
    for batch in batching.batches(text, budget.sentences):
        for backward in (False, True):
            levels = plant(batch.ids, batch.lengths, budget.tokens, backward=backward)
            n_nodes += sum(len(one.tokens) for one in levels)
    c, p = options.cell_dim, options.projection_dim
    first = p * 4 * c + c * p  # what it reads of a token is computed once for each word
    return 2.0 * n_nodes * (first + (options.n_layers - 1) * (first + p * 4 * c)) / sum(map(len, text))


def _nothing(network: engine.Network) -> None:
    """All is switched by the constructor."""


def _one_at_once(network: engine.Network) -> None:
    network._threads = ThreadPoolExecutor(1)


def _all_positions(network: engine.Network) -> None:
    network._words._widest_filter = 50


def _own_order(network: engine.Network) -> None:
    def in_order(sentences: Text, max_sentences: int) -> Iterator[batching.Batch]:
        lengths = np.array([len(sentence) for sentence in sentences])
        starts = np.cumsum(lengths) - lengths
        for first in range(0, len(sentences), max_sentences):
            batch = list(range(first, min(first + max_sentences, len(sentences))))
            yield batching._batch(sentences, batch, starts[batch], lengths[batch])

    mock.patch.object(engine, "batches", in_order).start()


def _every_token(network: engine.Network) -> None:
    def not_distinct(sentences: Text, max_sentences: int) -> Iterator[batching.Batch]:
        for batch in batching.batches(sentences, max_sentences):
            tokens = [batch.vocabulary[i] for i in batch.ids]
            yield batching.Batch(tokens, np.arange(len(tokens)), batch.lengths, batch.positions)

    mock.patch.object(engine, "batches", not_distinct).start()


OFF: dict[str, tuple[dict[str, object], Callable[[engine.Network], None]]] = {
    "": ({}, _nothing),
    "shared beginnings and ends": ({"share": False}, _nothing),
    "words kept between batches": ({"max_words": 0}, _nothing),
    "words once a batch, nor any sharing": ({"max_words": 0, "share": False}, _every_token),
    "only the positions a word needs": ({}, _all_positions),
    "two things at once, directions and words": ({"threads": None}, _one_at_once),  # one with both cores instead
    "sentences sorted by length": ({}, _own_order),
    "1024 sentences side by side, not 128": ({"max_sentences": 128}, _nothing),
    "1024 sentences side by side, not 32": ({"max_sentences": 32}, _nothing),
}
"""How to switch each saving off. Boundaries and padding, which this engine has no code for, are put into the text."""


def measure(size: str, n_sentences: int, n_templated: int, repeats: int) -> dict[str, Any]:
    """All figures, printed as they come."""
    text = natural_text(n_sentences)
    n_tokens, flop = sum(map(len, text)), operations_per_token(SIZES[size])
    figures: dict[str, Any] = {"n_sentences": len(text), "n_tokens": n_tokens, "mflop_per_token": round(flop / 1e6, 1)}
    published_flop = flop * (n_tokens + 2 * len(text)) / n_tokens  # a token's, with its share of the two boundaries

    def note(name: str, value: Any) -> Any:
        print(f"{name:60} {value}", flush=True)
        figures[name] = value
        return value

    def measure_own(part: str, repeats: int) -> None:
        for precision in SHORT:
            note(f"{precision} product peak, GFLOP/s, {part}", alone(product_peak, precision))
            note(f"{precision}, {part}", alone(rate, size, text, repeats, precision))

    measure_own("first", 1)
    for precision in SHORT:
        note(f"{precision} small size", alone(rate, "small", text, repeats, precision))
    bars = dict[str, float]()
    exact, rounded = (alone(document_vectors, size, text, precision) for precision in ("float32", "bfloat16"))
    cosines = (exact * rounded).sum(axis=1) / np.linalg.norm(exact, axis=1) / np.linalg.norm(rounded, axis=1)
    bars["bf16_min_cosine"] = float(cosines.min())
    measure_own("middle", repeats)
    own = figures["float32, middle"]
    share = alone(pooling_seconds, size, text) * own["tokens_per_s"] / n_tokens
    note("pooling outside of the graph, share of float32's time", round(share, 4))
    lines = templated_text(n_templated)
    templated = note("float32 templated text, given whole", alone(rate, size, lines, 1))
    note("float32 templated text, as documents", alone(documents_rate, size, lines, 1))
    repeated = note("float32 every sentence ten times, as documents", alone(documents_rate, size, text, 10))
    bars["templated_gain"] = templated["tokens_per_s"] / own["mean_tokens_per_s"]
    bars["repeated_gain"] = repeated["tokens_per_s"] / own["mean_tokens_per_s"]
    more = natural_text(10 * n_sentences)
    longer = note(
        f"float32 {len(more) / len(text):.1f} times the sentences",
        alone(rate, size, more, 1, "float32", "", windows.WINDOW_TOKENS),
    )
    bars["growth_10x"] = 10 * own["mean_tokens_per_s"] / longer["tokens_per_s"]
    for off in filter(None, OFF):
        without = note(f"float32 without: {off}", alone(rate, size, text, 1, "float32", off))
        without["gain"] = round(own["mean_tokens_per_s"] / without["tokens_per_s"], 2)
    unshared = figures["float32 without: shared beginnings and ends"]["tokens_per_s"]
    more_read = {"both boundaries": with_boundaries(text), "padding in batches of 32, own order": with_padding(text)}
    for name, read in more_read.items():
        with_it = note(f"float32 unshared, with {name}", with_more(size, text, read))
        with_it["gain"] = round(unshared / with_it["tokens_per_s"], 2)
    with tempfile.TemporaryDirectory(prefix="elmo-engine-") as folder:
        peers = measure_peers(Path(folder), size, text)
        bars["f32_max_abs_difference"] = difference_to_allennlp(Path(folder), text)
    figures["peers"] = peers
    measure_own("last", 1)
    left = note("operations a token that sharing leaves, MFLOP", round(products_left(size, text) / 1e6, 1))
    times = ("first", "middle", "last")
    parts = [figures[f"{precision}, {part}"] for precision in SHORT for part in times]
    bars["peak_gib"] = max(figure["peak_gib"] for figure in [*parts, longer])
    bars["peak_growth_10x"] = longer["peak_gib"] / own["peak_gib"]
    for precision, short in SHORT.items():
        tokens_per_s = max(figures[f"{precision}, {part}"]["tokens_per_s"] for part in times)
        peak = max(figures[f"{precision} product peak, GFLOP/s, {part}"]["lasting"] for part in times)
        note(f"{precision} tokens/s if all that is left were products at peak", round(peak * 1e3 / left))
        bars[f"{short}_of_peak"] = tokens_per_s * published_flop / 1e9 / peak
        for bar, order in (("best", "sorted"), ("shipped", "own")):
            mean = figures[f"{precision}, middle"]["mean_tokens_per_s"]
            bars[f"{short}_vs_{bar}_peer"] = mean / fastest(peers, order)
    return {"figures": figures, "bars": {key: round(value, 7) for key, value in bars.items()}}


def main() -> None:
    """Measure, print, and write the results (not with --quick)."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the small network on few sentences; nothing is written")
    quick = parser.parse_args().quick
    measured = measure("small", 200, 400, 1) if quick else measure("original", 3100, 20_000, 3)
    result = {
        "machine": machine(),
        "versions": {
            "elmo_udf": {name: version(name) for name in ("elmo-udf", "tensorflow", "numpy")},
            **{name: one.versions([name.replace("_", "-"), "tensorflow", "torch"]) for name, one in PEERS.items()},
        },
        "not_measured": "GPUs (none at hand): tokens/s, the share of their peak, the batch that saturates one, what it "
        "costs that the convolutions' shapes differ from batch to batch; nothing was compiled for them. Memory budgets "
        "were tried on a CPU with the allocator of GPUs",
        **measured,
    }
    print(json.dumps(result["bars"], indent=2))
    if not quick:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
