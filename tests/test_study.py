"""The parts of the study that need no Spark: draws, batches, the network, pieces of vectors, statistics."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from elmo_udf.network.runtime import start_tensorflow
from elmo_udf.study.draws import PARTS, draw
from elmo_udf.study.examples import Example, Examples
from elmo_udf.study.network import accuracy, build, train
from elmo_udf.study.options import StudyOptions
from elmo_udf.study.results import summarized
from elmo_udf.study.static_vectors import StaticVectors
from elmo_udf.study.statistics import paired_test, spread
from elmo_udf.study.texts import first_tokens
from elmo_udf.study.tokens import runs
from elmo_udf.study.trial import Gathered, run_trial
from tests.refusals import refused

PATHS = {"input": "i", "vectors": "v", "output": "o"}


def options(**values: Any) -> StudyOptions:
    return StudyOptions(**PATHS | {"filters": 8, "dense_units": 4, "learning_rates_static": ("1e-2",)} | values)


def test_draws_are_disjoint_new_in_each_repeat_and_repeatable() -> None:
    first, again, other = (draw(1000, (200, 100, 300), repeat, seed=7) for repeat in (0, 0, 1))
    assert [len(first[part]) for part in PARTS] == [200, 100, 300]
    assert len(set(np.concatenate(list(first.values())))) == 600
    assert all((first[part] == again[part]).all() for part in PARTS)
    assert set(first["test"]) != set(other["test"])
    assert set(first["test"]) != set(draw(1000, (200, 100, 300), 0, seed=8)["test"])


def made_examples(n: int, seed: int, n_words: int = 20, elmo_width: int = 0) -> Examples:
    """Texts that hold word 1 where the label is 1, and word 2 where it is 0, among others."""
    random = np.random.default_rng(seed)
    static = np.random.default_rng(0).standard_normal((n_words, 6)).astype(np.float32)
    static[0] = 0
    texts = []
    for i in range(n):
        rows = random.integers(3, n_words, random.integers(1, 12)).astype(np.int32)
        rows[random.integers(len(rows))] = 2 - i % 2
        pieces = [random.standard_normal((len(rows), elmo_width)).astype(np.float32)] if elmo_width else []
        texts.append(Example(rows, pieces, i % 2))
    return Examples(texts, static, elmo_width)


def test_batches_hold_static_then_elmo_vectors_and_zeros_after_the_end() -> None:
    static = np.array([[0, 0], [1, 2], [3, 4]], np.float32)
    vectors = np.arange(9, dtype=np.float32).reshape(3, 3)
    texts = [Example(np.array([2]), [vectors[:1]], 1), Example(np.array([1, 0, 2]), [vectors[:2], vectors[2:]], 0)]
    tokens, mask, labels = Examples(texts, static, 3).batch([0, 1])
    expected = [[3, 4, 0, 1, 2], [0] * 5, [0] * 5], [[1, 2, 0, 1, 2], [0, 0, 3, 4, 5], [3, 4, 6, 7, 8]]
    np.testing.assert_array_equal(tokens, expected)
    np.testing.assert_array_equal(mask[..., 0], [[1, 0, 0], [1, 1, 1]])
    np.testing.assert_array_equal(labels, [[1], [0]])


def test_a_text_without_tokens_is_a_row_of_zeros() -> None:
    tokens, mask, _ = Examples([Example(np.array([], np.int32), [], 1)], np.ones((3, 2), np.float32)).batch([0])
    assert tokens.shape == (1, 1, 2)
    assert not tokens.any() and not mask.any()


def test_every_text_comes_once_an_epoch_in_another_order() -> None:
    examples = made_examples(10, 0)
    random = np.random.default_rng(0)
    epochs = [np.concatenate(list(examples.batches(4, random))) for _ in range(2)]
    assert [len(batch) for batch in examples.batches(4)] == [4, 4, 2]
    assert examples.n_batches(4) == 3
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(10))
    assert list(epochs[0]) != list(epochs[1])


@pytest.fixture(scope="module")
def tf() -> Any:
    return start_tensorflow(2)


def test_the_network_is_convolution_maximum_dense_sigmoid_and_padding_has_no_say(tf: Any) -> None:
    """Against the same in numpy, a text at a time; the biases are large, so that padding would show."""
    examples = made_examples(5, 1)
    network = build(tf, 6, options())
    random = np.random.default_rng(0)
    network.set_weights([random.standard_normal(w.shape).astype(np.float32) for w in network.get_weights()])
    kernel, bias, dense, dense_bias, out, out_bias = (w.astype(np.float64) for w in network.get_weights())
    tokens, mask, _ = examples.batch(range(5))
    found = np.asarray(network([tokens, mask]))[:, 0]
    for text, probability in zip(examples.texts, found, strict=True):
        rows = np.concatenate([np.zeros((1, 6)), examples.static[text.static_rows], np.zeros((1, 6))])
        windows = [np.einsum("wd,wdf->f", rows[i : i + 3], kernel) + bias for i in range(len(rows) - 2)]
        hidden = np.maximum(np.max(np.maximum(windows, 0), axis=0) @ dense + dense_bias, 0)
        assert probability == pytest.approx(1 / (1 + np.exp(-(hidden @ out + out_bias)[0])), abs=1e-5)


def test_dropout_is_a_layer_of_the_network(tf: Any) -> None:
    names = [layer.__class__.__name__ for layer in build(tf, 6, options(dropout=0.5)).layers]
    assert "Dropout" in names
    assert "Dropout" not in [layer.__class__.__name__ for layer in build(tf, 6, options()).layers]


@pytest.mark.slow
def test_training_learns_stops_early_goes_back_to_its_best_and_can_be_repeated(tf: Any) -> None:
    training, validation = made_examples(64, 2), made_examples(40, 3)
    settings = options(max_epochs=30, patience=2)
    trained = train(tf, training, validation, 0.1, 5, settings)
    again = train(tf, training, validation, 0.1, 5, settings)
    assert accuracy(tf, trained.network, made_examples(50, 4), settings) > 0.8
    assert trained.n_epochs == trained.best_epoch + 2 < 30
    tokens, mask, labels = validation.batch(range(40))
    probability = np.clip(np.asarray(trained.network([tokens, mask]), np.float64), 1e-7, 1 - 1e-7)
    loss = -np.mean(labels * np.log(probability) + (1 - labels) * np.log(1 - probability))
    assert loss == pytest.approx(trained.validation_loss, abs=1e-4)  # the last epoch's is greater
    assert (again.n_epochs, again.validation_loss) == (trained.n_epochs, trained.validation_loss)


@pytest.mark.slow
def test_of_several_rates_the_validation_texts_choose() -> None:
    parts = {part: made_examples(32, seed) for seed, part in enumerate(PARTS)}
    rates = ("1e-7", "3e-2")
    settings = options(learning_rates_static=rates, learning_rates_elmo=rates, max_epochs=4)
    rows = run_trial(parts, "static", 3, 2, settings)
    assert [(row["repeat"], row["learning_rate"]) for row in rows] == [(3, 1e-7), (3, 3e-2)]
    assert rows[1]["validation_loss"] < rows[0]["validation_loss"]
    assert rows[0]["test_accuracy"] is None
    assert 0 <= rows[1]["test_accuracy"] <= 1
    report = summarized(rows + [row | {"network": "static+elmo", "repeat": 3} for row in rows], settings)
    assert [row["chosen_in"] for row in report["learning_rates"][:2]] == [0, 1]


def test_pieces_of_a_table_in_any_order_make_the_texts_again() -> None:
    random = np.random.default_rng(0)
    texts = {i: random.standard_normal((int(n), 4)).astype(np.float32) for i, n in enumerate(random.integers(1, 9, 6))}
    rows = [(i, j // 3, j % 3, list(map(float, vector))) for i, text in texts.items() for j, vector in enumerate(text)]
    for order in (range(len(rows)), random.permutation(len(rows))):
        gathered = Gathered()
        for start in range(0, len(rows), 7):
            columns = list(zip(*[rows[k] for k in order[start : start + 7]], strict=True))
            types = [pa.int64(), pa.int32(), pa.int32(), pa.list_(pa.float32())]
            arrays = [pa.array(column, kind) for column, kind in zip(columns, types, strict=True)]
            batch = pa.RecordBatch.from_arrays(arrays, names=["id", "sentence_index", "token_index", "embedding"])
            for piece in (row for made in runs(iter([batch])) for row in made.to_pylist()):
                vectors = np.frombuffer(piece["vectors"], np.float32).reshape(-1, 4)
                gathered.pieces[piece["id"]].append((piece["sentence_index"], piece["token_index"], vectors))
        for i, text in texts.items():
            gathered.texts[i] = "test", 0, np.zeros(len(text), np.int32)
        static = StaticVectors({}, np.zeros((1, 2), np.float32), 0)
        for found, text in zip(gathered.examples(static, 4)["test"].texts, texts.values(), strict=True):
            np.testing.assert_array_equal(np.concatenate(found.elmo), text)
        gathered.pieces[2].pop()
        with pytest.raises(RuntimeError, match="text 2 has"):
            gathered.examples(static, 4)


def test_texts_are_cut_to_their_first_tokens() -> None:
    sentences = [["a", "b"], ["c", "d", "e"], ["f"]]
    assert first_tokens(sentences, 4) == [["a", "b"], ["c", "d"]]
    assert first_tokens(sentences, 5) == [["a", "b"], ["c", "d", "e"]]
    assert first_tokens(sentences, 50) == sentences


def test_statistics_against_their_formulas() -> None:
    before, after = [0.60, 0.62, 0.58, 0.65, 0.61], [0.66, 0.61, 0.63, 0.70, 0.69]
    assert spread(before)["deviation"] == pytest.approx(np.sqrt(np.sum((np.array(before) - 0.612) ** 2) / 4))
    assert spread([0.5])["deviation"] is None
    found = paired_test(before, after)
    differences = np.array(after) - np.array(before)
    margin = stats.t.ppf(0.975, 4) * differences.std(ddof=1) / np.sqrt(5)
    assert found["interval_low"] == pytest.approx(differences.mean() - margin)
    assert found["interval_high"] == pytest.approx(differences.mean() + margin)
    # ranks of |differences| .01 .05 .05 .06 .08: 1, 2.5, 2.5, 4, 5; only the first is negative
    assert (found["wilcoxon_statistic"], found["n_better"], found["n_worse"]) == (1, 4, 1)
    assert 0 < found["wilcoxon_p"] < 0.2


def test_statistics_of_few_or_equal_values() -> None:
    equal = paired_test([0.5, 0.6], [0.5, 0.6])
    assert (equal["mean_difference"], equal["wilcoxon_p"], equal["n_equal"], equal["interval_low"]) == (0, None, 2, 0)
    one = paired_test([0.5], [0.6])
    assert (one["interval_low"], one["n_better"]) == (None, 1)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"repeats": 0}, "repeats is 0, expected at least 1"),
        ({"training_texts": 1}, "training_texts is 1, expected at least 2"),
        ({"dropout": 1.0}, "dropout is 1.0, expected a share"),
        ({"learning_rates_elmo": ("fast",)}, "learning_rates_elmo is 'fast', expected positive numbers"),
        ({"learning_rates_static": ()}, "learning_rates_static is '', expected positive numbers"),
        ({"learning_rates_static": ("0",)}, "expected positive numbers"),
    ],
)
def test_options_are_checked(values: dict[str, Any], words: str) -> None:
    with refused(words):
        options(**values)
