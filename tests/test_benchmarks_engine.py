"""What the engine's benchmarks run on is what they say it is, and what they switch off changes no vector."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from elmo_udf.network import engine as network_engine
from tests import numpy_elmo
from tests.make_models import random_model

MODEL = random_model(9)
BENCHMARKS = Path(__file__).resolve().parents[1] / "scripts" / "benchmarks"


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import published

    return published


def test_the_published_network_takes_205_million_operations_a_token(published: ModuleType) -> None:
    assert published.operations_per_token(published.SIZES["original"]) == pytest.approx(205e6, rel=0.005)


def test_templated_lines_differ_in_two_places(published: ModuleType) -> None:
    lines = published.templated_text(2000)
    assert len({tuple(line) for line in lines}) == len(lines) == 2000
    assert {len(line) for line in lines} <= set(range(12, 21))
    templates = {
        tuple(word for i, word in enumerate(line) if i not in (len(line) // 2, len(line) * 5 // 6)) for line in lines
    }
    assert len(templates) == 50


def test_natural_text_is_at_hand_without_any_data(published: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """3,000 sentences of more than 60,000 tokens, from the standard library."""
    monkeypatch.setattr(published, "SENTENCES", Path("not-there"))
    text = published.natural_text(3100)
    assert len(text) >= 3000 and sum(map(len, text)) > 60_000


SAVINGS = (
    "",
    "shared beginnings and ends",
    "words kept between batches",
    "words once a batch, nor any sharing",
    "only the positions a word needs",
    "two things at once, directions and words",
    "sentences sorted by length",
    "1024 sentences side by side, not 128",
    "1024 sentences side by side, not 32",
)


@pytest.fixture
def benchmark(published: ModuleType) -> ModuleType:
    import engine

    return engine


def test_savings_are_those_of_the_benchmark(benchmark: ModuleType) -> None:
    assert tuple(benchmark.OFF) == SAVINGS


@pytest.mark.parametrize("saving", [*SAVINGS[:2], *(pytest.param(one, marks=pytest.mark.slow) for one in SAVINGS[2:])])
def test_a_saving_switched_off_changes_no_vector(
    benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch, saving: str
) -> None:
    """With it, without it, and as the equations say: one by one in NumPy."""
    choice = np.random.default_rng(9)
    text = [[f"{'w' * (i % 11)}{i}" for i in choice.integers(0, 40, n)] for n in choice.integers(1, 30, 60)]
    text += [[*sentence[:5], "x"] for sentence in text[:20]] + text[:10]  # beginnings that are shared, and repeats
    arguments, switch = benchmark.OFF[saving]
    monkeypatch.setattr(network_engine, "batches", network_engine.batches)  # as it was, afterwards
    network = network_engine.Network(MODEL, **{"max_sentences": 16, "max_tokens": 100} | arguments)
    switch(network)
    names = (*MODEL.options.layer_names, "elmo")
    expected = [numpy_elmo.layers(MODEL, sentence) for sentence in text]
    for name, found in network.layers(text, names).items():
        np.testing.assert_allclose(found, np.concatenate([one[name] for one in expected]), rtol=0, atol=1e-5)


def test_padding_and_boundaries_are_only_added(published: ModuleType) -> None:
    text = [["a", "b"], ["c"], ["d", "e", "f"], ["g"]]
    assert published.with_boundaries(text)[1] == ["<S>", "c", "</S>"]
    padded = published.with_padding(text, batch=2)
    assert [len(sentence) for sentence in padded] == [2, 2, 3, 3]
    assert [longer[: len(sentence)] for sentence, longer in zip(text, padded, strict=True)] == text
