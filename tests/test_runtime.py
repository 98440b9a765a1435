"""TensorFlow's start."""

import platform
import subprocess
import sys

import pytest

from elmo_udf.network.runtime import import_tensorflow, start_tensorflow

PROGRAM = """
import sys
from elmo_udf import Network, load_model
network = Network(load_model("builtin:mini"), threads=1)
for name in ("elmo", "lstm_outputs1", "lstm_outputs2"):
    assert network.layers([["a", "b"]], [name])[name].shape == (2, network.width(name))
assert not {"keras", "pandas", "matplotlib"} & sys.modules.keys(), "they take seconds, and nothing here needs them"
import tensorflow as tf
layers = tf.keras.Sequential([tf.keras.layers.Dense(2)])
layers.compile(tf.keras.optimizers.Adam(), "mse")
assert layers.optimizer.name == "adam" and "keras.src.optimizers" in sys.modules
assert tf.config.threading.get_intra_op_parallelism_threads() == 1
assert tf.config.threading.get_inter_op_parallelism_threads() == 1, "one core was given"
print("stderr is back", file=sys.stderr)
"""


@pytest.mark.slow
def test_start_says_nothing_and_leaves_stderr_as_it_was() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "stderr is back\n")


def test_one_gpu_is_used_and_its_memory_grows_with_need(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that took a GPU's whole memory would leave none for anything else there."""
    tf, grown, used = import_tensorflow(), [], []
    gpus = ["/physical_device:GPU:0", "/physical_device:GPU:1"]
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus if kind == "GPU" else [])
    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", lambda gpu, on: grown.append((gpu, on)))
    monkeypatch.setattr(tf.config, "set_visible_devices", lambda shown, kind: used.append(shown))
    start_tensorflow()
    start_tensorflow(device="cpu")
    assert grown == [(gpu, True) for gpu in gpus] * 2
    assert used == [gpus[:1], []]


def test_float32_is_float32_on_gpus_too() -> None:
    """TensorFlow's default rounds what they multiply to TensorFloat-32's 10 bits: errors of 1e-3, not 1e-6."""
    assert not start_tensorflow().config.experimental.tensor_float_32_execution_enabled()


FREED = """
import numpy as np
from elmo_udf.network.runtime import return_freed_memory

def resident_mib():
    return int(open("/proc/self/statm").read().split()[1]) / 256

arrays = [np.ones(10_000) for _ in range(3000)]  # too small to be mapped one by one: 229 MiB on the heap
above = np.ones(10_000)  # what lies below it is not the heap's end, which shrinks by itself
del arrays
before = resident_mib()
return_freed_memory()
print(before - resident_mib())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="is about glibc's allocator")
def test_freed_memory_goes_back_to_the_system() -> None:
    done = subprocess.run([sys.executable, "-c", FREED], capture_output=True, text=True, check=True)
    assert float(done.stdout) > 150
