"""TensorFlow's start, in a fresh process."""

import subprocess
import sys

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


def test_start_says_nothing_and_leaves_stderr_as_it_was() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "stderr is back\n")
