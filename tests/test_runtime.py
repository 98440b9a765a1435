"""TensorFlow's start, in a fresh process."""

import subprocess
import sys

PROGRAM = """
from elmo_udf import Network, load_model
network = Network(load_model("builtin:mini"), threads=1)
for name in ("elmo", "lstm_outputs1", "lstm_outputs2"):
    assert network.layers([["a", "b"]], [name])[name].shape == (2, 128)
import tensorflow as tf
assert tf.config.threading.get_intra_op_parallelism_threads() == 1
print("stderr is back", file=__import__("sys").stderr)
"""


def test_start_says_nothing_and_leaves_stderr_as_it_was() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "stderr is back\n")
