"""How much the network reads at once. (What it does where memory runs out is in tests/faults/test_memory.py.)"""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from elmo_udf.network.batches import Batch
from elmo_udf.network.budget import LARGEST, Budget, gpu_budget, processor_budget, sentence_bytes, token_bytes
from elmo_udf.network.encoder import OutOfMemory
from elmo_udf.network.engine import Network
from elmo_udf.network.runtime import free_gpu_bytes, import_tensorflow
from tests.make_models import TINY, random_model

ORIGINAL = dataclasses.replace(TINY, cell_dim=4096, projection_dim=512)
"""As published, as far as it matters here."""


def test_a_budget_is_halved_until_it_is_one_token_of_one_sentence() -> None:
    budget: Budget | None = Budget(5, 64)
    seen = []
    while budget is not None:
        seen.append((budget.sentences, budget.tokens))
        budget = budget.halved()
    assert seen == [(5, 64), (2, 32), (1, 16), (1, 8), (1, 4), (1, 2), (1, 1)]


@pytest.mark.parametrize("gib", [0, 0.001, 1, 4, 16, 40, 140])
def test_a_gpu_reads_what_fits_into_three_quarters_of_its_memory(gib: float) -> None:
    free = int(gib * 2**30)
    budget = gpu_budget(free, ORIGINAL)
    taken = budget.sentences * sentence_bytes(ORIGINAL) + budget.tokens * token_bytes(ORIGINAL)
    assert taken <= 0.75 * free or Budget(1, 1) == budget
    assert budget.sentences <= LARGEST.sentences and budget.tokens <= LARGEST.tokens
    if gib == 140:
        assert budget == LARGEST
    if gib >= 4:
        assert budget.sentences >= processor_budget("float32").sentences


def test_free_memory_is_that_of_the_gpu_that_has_least(monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorflow.python.client import device_lib

    tf, gib = import_tensorflow(), 2**30
    limits = {"/device:CPU:0": gib, "/device:GPU:0": 10 * gib, "/device:GPU:1": 8 * gib}
    devices = [SimpleNamespace(name=name, device_type=name[8:11], memory_limit=n) for name, n in limits.items()]
    taken = {"GPU:0": {"current": 4 * gib}, "GPU:1": {"current": gib}}
    monkeypatch.setattr(device_lib, "list_local_devices", lambda config: devices)
    monkeypatch.setattr(tf.config.experimental, "get_memory_info", taken.get)
    assert free_gpu_bytes(tf) == 6 * gib


class FullNetwork(Network):
    """A device that has memory for three sentences at a time, and none for one with the token ``huge``."""

    def _fill(self, layers: dict[str, np.ndarray], batch: Batch, max_tokens: int) -> None:
        if len(batch.lengths) > 3 or "huge" in batch.vocabulary:
            raise import_tensorflow().errors.ResourceExhaustedError(None, None, "no memory")
        super()._fill(layers, batch, max_tokens)


def test_what_fits_is_kept_and_a_text_that_never_fits_changes_nothing() -> None:
    model, text = random_model(4), [[f"w{i}", "and", f"v{i}"] for i in range(9)]
    network = FullNetwork(model, max_sentences=8, max_tokens=64)
    with pytest.raises(OutOfMemory, match="2 tokens don't fit"):
        network.layers([["huge", "one"]], ["elmo"])
    assert network._budget == Budget(8, 64)
    expected = Network(model).layers(text, ["elmo"])["elmo"]
    for _ in range(2):
        np.testing.assert_allclose(network.layers(text, ["elmo"])["elmo"], expected, atol=1e-5)
        assert network._budget == Budget(2, 16)
