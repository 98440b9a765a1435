"""Forks Spark's Python workers, as pyspark.daemon does, but has imported already what each of them would import.

A worker that fails, or waits for a minute, is replaced by a new one, and the tests start dozens. What is imported here
starts no threads but those of numpy and pyarrow, whose libraries see to it that they can be forked.
"""

from pyspark.daemon import manager

if __name__ == "__main__":
    import pandas  # noqa: F401
    import pyarrow  # noqa: F401
    import pyspark.worker  # noqa: F401
    import sacremoses  # noqa: F401

    import elmo_udf.embedding.udf
    import elmo_udf.network.engine  # noqa: F401
    from elmo_udf.network.runtime import import_tensorflow

    import_tensorflow()
    manager()
