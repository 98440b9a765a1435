"""What happens where the device's memory runs out.

TensorFlow's allocator for GPUs also serves a CPU, with a limit, if it is told to before it starts: what runs out here
is real memory of a real allocator, in a process of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

PROGRAM = """
import json, logging, sys
import numpy as np
from elmo_udf.network.budget import gpu_budget
from elmo_udf.network.engine import Network
from tests.make_models import random_model

said = []
logging.getLogger("elmo_udf").addHandler(logging.Handler())
logging.Handler.emit = lambda self, record: said.append(record.getMessage())
limit_mib, sentences, tokens = json.loads(sys.argv[1])
model = random_model(5, cell_dim=1024, projection_dim=128, filters=((1, 32), (2, 32), (3, 64)))
choice = np.random.default_rng(0)
text = [[f"w{i}" for i in choice.integers(0, 1500, 5)] for _ in range(3000)]
expected = Network(model, threads=1, max_sentences=16, max_tokens=256).layers(text[:40], ["elmo"])["elmo"]
if sentences is None:  # as on a GPU with so much memory
    budget = gpu_budget(limit_mib * 2**20 - sum(array.nbytes for array in model.arrays.values()) * 2, model.options)
    sentences, tokens = budget.sentences, budget.tokens
network = Network(model, threads=1, max_sentences=sentences, max_tokens=tokens)
found = network.layers(text, ["elmo"])["elmo"]
difference = float(np.abs(found[: len(expected)] - expected).max())
print(json.dumps({"difference": difference, "said": said, "budget": [sentences, tokens]}))
"""


def with_memory(limit_mib: int, sentences: int | None, tokens: int | None) -> dict[str, Any]:
    limit = {"TF_CPU_ALLOCATOR_USE_BFC": "true", "TF_CPU_BFC_MEM_LIMIT_IN_MB": str(limit_mib)}
    command = [sys.executable, "-c", PROGRAM, json.dumps([limit_mib, sentences, tokens])]
    done = subprocess.run(command, env=os.environ | limit, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_where_memory_runs_out_half_is_read_at_once_until_it_fits() -> None:
    """Takes most of a minute: at each failure the allocator hopes for ten seconds that some memory comes back."""
    found = with_memory(150, 4096, 65_536)
    assert found["difference"] < 1e-5
    said = found["said"]
    assert isinstance(said, list) and said, "memory did not run out: this test has lost its point"
    assert said[0] == (
        "the device's memory ran out with Budget(sentences=4096, tokens=65536); "
        "the network continues with Budget(sentences=2048, tokens=32768)"
    )


def test_what_is_said_to_fit_does() -> None:
    found = with_memory(120, None, None)
    assert (found["said"], found["difference"] < 1e-5) == ([], True)
