"""How fast this project trains, and how well, beside bilm-tf's way of training as the package simple-elmo offers it.

    python scripts/benchmarks/train.py [--quick]

Both read the same sentences in the same order, as many streams and steps at a time, with the same vocabulary and
networks of the same sizes; both have Adagrad as published, and settings of learning of their own. (This project's
default is Adam, which is measured besides.) After the same number of tokens both models are measured on the same
held-out sentences by one function in NumPy (processes/perplexity.py), by two rules: every sentence from zero state, and
with the state that the one before it left. A model counts with the rule that suits it better.

The model that was trained here is then read by simple_elmo and by AllenNLP, whose layers must be those of the engine.
Environments of the other programs are made on the first run (environments.py). A run takes about a quarter of an hour;
leave the machine alone while it lasts.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from engine_peers import ALLENNLP, PEERS, SIMPLE_ELMO
from environments import Measured, machine, run
from published import SENTENCES, Text, natural_text

from elmo_udf.text.tokenizer import Tokenizer
from elmo_udf.training.options import TrainOptions
from elmo_udf.training.vocabulary import SPECIAL, Vocabulary

RESULTS = Path(__file__).parent / "results" / "train.json"
QUICK: dict[str, Any] = {
    "filters": ("1:8", "2:16"),
    "cell_dim": 32,
    "projection_dim": 16,
    "n_streams": 8,
    "n_steps": 10,
    "n_sampled_words": 64,
}
PUBLISHED = {"optimizer": "adagrad", "learning_rate": 0.2, "warmup": 0.0, "max_gradient_norm": 10.0}
"""What the other program has too."""
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "elmo_udf_adam_0.001": {"optimizer": "adam", "learning_rate": 0.001, "warmup": 0.02, "max_gradient_norm": 100.0},
    "elmo_udf_adam_0.002": {"optimizer": "adam", "learning_rate": 0.002, "warmup": 0.02, "max_gradient_norm": 100.0},
}
"""Compared with that by their perplexity; the second has the defaults."""
N_WARM = 10
"""Steps at the start that are not timed."""
MIX = [0.25, -0.5, 0.5, 1.5]
"""Weights and scale that the trained model carries: other programs must read it all the same."""
TOLERANCE = 1e-4


def main() -> None:
    """Measure, print, and write the results (not with --quick)."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tiny network and a few steps; results are not written")
    quick = parser.parse_args().quick
    n_windows, n_held_out, max_words = (20, 60, 500) if quick else (160, 1000, 20_000)
    with tempfile.TemporaryDirectory(prefix="elmo-train-") as folder:
        result = measure(Path(folder), QUICK if quick else {}, n_windows, n_held_out, max_words)
    print(json.dumps({"bars": result["bars"]}, indent=2))
    if not quick:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    unlike = {name: value for name, value in result["figures"]["layers"].items() if not value < TOLERANCE}
    if unlike:
        sys.exit(f"layers differ by more than {TOLERANCE}: {unlike}")


def measure(folder: Path, sizes: dict[str, Any], n_windows: int, n_held_out: int, max_words: int) -> dict[str, Any]:
    """All figures, printed as they come."""
    for environment in PEERS.values():
        environment.python()
    options = TrainOptions(input="-", output="-", max_words=max_words, **sizes)
    tokens = n_windows * options.n_streams * options.n_steps
    corpus = write_corpus(folder / "corpus", tokens, n_held_out, options)
    n_sampled = min(options.n_sampled_words, corpus["n_words"] // 2)
    chosen = {**sizes, "max_words": max_words, "n_sampled_words": n_sampled, "input": "-", "output": "-"}
    common: dict[str, Any] = {"corpus": str(folder / "corpus"), "n_windows": n_windows}

    arguments = {**common, "output": str(folder / "theirs"), "options": bilm_options(options, n_sampled)}
    theirs = run(SIMPLE_ELMO.python(), "processes/train_simple_elmo.py", arguments)
    figures: dict[str, Any] = {"simple_elmo": side(theirs, options, folder / "theirs", folder / "corpus")}
    figures["elmo_udf"] = ours(folder, "ours", common, {**chosen, **PUBLISHED}, options)
    for name, changed in OPTIMIZERS.items():
        figures[name] = ours(folder, name, common, {**chosen, **changed}, options)
    for name, figure in figures.items():
        print(f"{name:12} {json.dumps(figure)}", flush=True)
    figures["layers"] = differences(folder)
    print(f"{'layers':12} {json.dumps(figures['layers'])}", flush=True)
    mine, peer = figures["elmo_udf"], figures["simple_elmo"]
    return {
        "machine": machine(),
        "versions": {
            "elmo_udf": {name: version(name) for name in ("elmo-udf", "tensorflow", "numpy")},
            "simple_elmo": SIMPLE_ELMO.versions(["simple-elmo", "tensorflow", "numpy"]),
            "allennlp": ALLENNLP.versions(["allennlp", "torch", "numpy"]),
        },
        "sizes": {**corpus, "n_windows": n_windows, "n_tokens": tokens, **bilm_options(options, n_sampled)},
        "figures": figures,
        "bars": {
            "vs_simple_elmo": round(mine["tokens_per_s"] / peer["tokens_per_s"], 3),
            "perplexity_ratio": round(mine["best"] / peer["best"], 4),
        },
    }


def ours(
    folder: Path, name: str, common: dict[str, Any], chosen: dict[str, Any], options: TrainOptions
) -> dict[str, Any]:
    """A training of this project; its model stays in ``folder / name``."""
    (folder / name).mkdir()
    arguments = {**common, "output": str(folder / name), "options": chosen, "mix": MIX}
    measured = run(sys.executable, "processes/train_elmo_udf.py", arguments)
    return side(measured, options, folder / name, folder / "corpus")


def write_corpus(folder: Path, n_tokens: int, n_held_out: int, options: TrainOptions) -> dict[str, Any]:
    """Sentences to train on, enough for ``n_tokens`` in every stream, others held out, and the vocabulary."""
    folder.mkdir()
    n_lines, sentences = n_tokens // 10, list[list[str]]()
    while sum(map(len, sentences)) < 1.2 * n_tokens + 60 * n_held_out:  # streams do not end at the same time
        known, sentences = len(sentences), tokenized(natural_text(n_lines))
        n_lines *= 2
        if len(sentences) == known:
            sentences += sentences  # where there is no large text at hand
    random.Random(7).shuffle(sentences)
    held_out, train = sentences[:n_held_out], sentences[n_held_out:]
    for name, part in (("train", train), ("held_out", held_out)):
        (folder / f"{name}.txt").write_text("".join(" ".join(sentence) + "\n" for sentence in part), "utf-8")
    counts = Counter(token for sentence in train for token in sentence)
    ranked = sorted((-count, word) for word, count in counts.items() if count >= options.min_count)
    vocabulary = Vocabulary([word for _, word in ranked[: options.max_words]])
    vocabulary.write(folder / "vocabulary.txt")
    return {
        "text": "novels and textbooks" if SENTENCES.exists() else "documentation of the standard library",
        "n_train_sentences": len(train),
        "n_held_out_sentences": len(held_out),
        "n_held_out_tokens": sum(map(len, held_out)),
        "n_words": len(vocabulary),
    }


def tokenized(text: Text) -> Text:
    """Sentences as jobs/train.py would read them; in no token is anything that other programs take for a space."""
    tokenizer, sentences = Tokenizer("words"), []
    for line in text:
        for tokens in tokenizer(" ".join(line)).sentences:
            pieces = [piece for token in tokens for piece in token.split() if piece not in SPECIAL]
            if pieces:
                sentences.append(pieces)
    return sentences


def bilm_options(options: TrainOptions, n_sampled: int) -> dict[str, Any]:
    """The same network and batch in bilm-tf's words."""
    network = options.network()
    return {
        "bidirectional": True,
        "char_cnn": {
            "activation": network.activation,
            "embedding": {"dim": network.character_dim},
            "filters": [list(pair) for pair in network.filters],
            "max_characters_per_token": 50,
            "n_characters": 261,
            "n_highway": network.n_highway,
        },
        "lstm": {
            "cell_clip": network.cell_clip,
            "dim": network.cell_dim,
            "n_layers": network.n_layers,
            "proj_clip": network.projection_clip,
            "projection_dim": network.projection_dim,
            "use_skip_connections": network.residual,
        },
        "dropout": 0.1,  # what follows is as bilm-tf publishes it, but for sizes
        "all_clip_norm_val": 10.0,
        "batch_size": options.n_streams,
        "unroll_steps": options.n_steps,
        "n_negative_samples_batch": n_sampled,
    }


def side(measured: Measured, options: TrainOptions, model: Path, corpus: Path) -> dict[str, Any]:
    """Figures of one program."""
    arguments = {"folder": str(model), "corpus": str(corpus), "n_streams": options.n_streams}
    perplexity = run(sys.executable, "processes/perplexity.py", arguments).result
    steps = np.array(measured.result["seconds"][N_WARM:])
    tokens = options.n_streams * options.n_steps
    return {
        "tokens_per_s": round(tokens / steps.mean(), 1),
        "median_tokens_per_s": round(tokens / float(np.median(steps)), 1),
        "peak_gib": measured.peak_gib,
        "perplexity": perplexity,
        "best": min(rule["both"] for rule in perplexity.values()),
        "own_perplexity": measured.result["perplexity"],
    }


def differences(folder: Path) -> dict[str, float]:
    """Largest difference of any layer of the trained model between the engine and each other program that reads it."""
    lines = (folder / "corpus" / "held_out.txt").read_text("utf-8").splitlines()[:20]
    sentences = [*(line.split() for line in lines), ["naïve", "café", "東京", "x" * 60]]
    model = folder / "model"
    model.mkdir()
    for name in ("options.json", "weights.hdf5"):
        (folder / "ours" / name).rename(model / name)
    layers = {}
    for name, python in ({"elmo_udf": sys.executable} | {n: e.python() for n, e in PEERS.items()}).items():
        output = folder / f"{name}.npy"
        arguments = {"folder": str(model), "sentences": sentences, "output": str(output)}
        run(python, f"processes/layers_{name}.py", arguments)
        layers[name] = np.load(output)
    ours = layers.pop("elmo_udf")
    for name, theirs in layers.items():
        assert theirs.shape == ours.shape, f"{name}: {theirs.shape}, expected {ours.shape}"
    return {name: float(np.abs(theirs - ours).max()) for name, theirs in layers.items()}


if __name__ == "__main__":
    main()
