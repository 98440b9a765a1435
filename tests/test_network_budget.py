"""How much the network reads at once. (What it does where memory runs out is in tests/faults/test_memory.py.)"""

from __future__ import annotations

import dataclasses
import gc
import weakref
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from elmo_udf.errors import UserError
from elmo_udf.network import engine
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


def test_free_memory_is_that_of_the_gpu_which_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorflow.python.client import device_lib

    tf, gib = import_tensorflow(), 2**30

    def devices(config: Any) -> list[SimpleNamespace]:
        assert config.gpu_options.allow_growth and config.gpu_options.visible_device_list == "0"
        limits = {"CPU": gib, "GPU": 10 * gib}
        return [SimpleNamespace(device_type=kind, memory_limit=limit) for kind, limit in limits.items()]

    monkeypatch.setattr(device_lib, "list_local_devices", devices)
    monkeypatch.setattr(tf.config.experimental, "get_memory_info", {"GPU:0": {"current": 4 * gib}}.get)
    assert free_gpu_bytes(tf) == 6 * gib


class FullNetwork(Network):
    """A device that has memory for three sentences at a time, and none for one with the token ``huge``, or at all."""

    is_taken = False

    def _fill(self, layers: dict[str, np.ndarray], batch: Batch, max_tokens: int) -> None:
        if len(batch.lengths) > 3 or "huge" in batch.vocabulary or self.is_taken:
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


def test_a_device_whose_memory_others_have_taken_is_no_text_s_fault() -> None:
    network = FullNetwork(random_model(4), max_sentences=8, max_tokens=64)
    network.is_taken = True
    with pytest.raises(
        UserError, match=r"the device has no memory left for a single token; expected room .* other programs"
    ):
        network.layers([["one", "text"]], ["elmo"])
    network.is_taken = False
    assert len(network.layers([["one", "text"]], ["elmo"])["elmo"]) == 2


def test_a_failure_leaves_nothing_in_memory() -> None:
    """What a call saw that failed is freed by its end, not when Python looks for cycles: the next needs the room."""
    network, seen = FullNetwork(random_model(4)), []

    def fail(item: int) -> None:
        on_device = np.zeros(1)
        seen.append(weakref.ref(on_device))
        raise MemoryError(item)

    gc.disable()
    try:
        with pytest.raises(MemoryError):
            network._at_once(fail, range(3))
        assert len(seen) == 3 and not any(array() is not None for array in seen)
    finally:
        gc.enable()


def test_weights_that_do_not_fit_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: object) -> None:
        raise import_tensorflow().errors.ResourceExhaustedError(None, None, "no memory")

    monkeypatch.setattr(engine, "Functions", no_memory)
    with pytest.raises(UserError, match=r"the weights of model .* don't fit into the device's memory in float32; exp"):
        Network(random_model(4))
