"""The work of a task: it reads two stripes, compares them, and yields what is kept as Arrow batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from elmo_udf.similarity.blocks.files import Stripe, ranks_of
from elmo_udf.similarity.joins.plan import MATRIX_CELLS
from elmo_udf.similarity.kernels.above import Pairs, pairs_above
from elmo_udf.similarity.kernels.cosine import STEPS, Rows, exact_block
from elmo_udf.similarity.kernels.nearest import EMPTY, Shortlists, split_keys
from elmo_udf.similarity.kernels.prune import Pruning, pairs_pruned
from elmo_udf.similarity.kernels.tiles import tiles

_BATCH_ROWS = 1 << 16
_BATCH_CELLS = 1 << 22
_EXACT_CELLS = 1 << 20


def nearest_work(left: Stripe, right: Stripe | None, k: int, tile_rows: int, both: bool) -> Iterator[pa.RecordBatch]:
    """Yields the k nearest neighbors of every row of the left stripe in the right one (without right: in the left one).

    The batches have id, neighbor_id and steps.

    Args:
        both: Whether to yield the k nearest neighbors of every row of the right stripe in the left one, too.
    """
    left_ids, rows = left.read_rows()
    right_ids, others = (left_ids, rows) if right is None else right.read_rows()
    of_left, of_right = _shortlists(rows, None if right is None else others, k, tile_rows, both)
    keys = of_left.exact(rows, others, ranks_of(right_ids), within=right is None)
    yield from _neighbors(left_ids, right_ids, keys)
    if of_right is not None:
        keys = of_right.exact(others, rows, ranks_of(left_ids), within=False)
        yield from _neighbors(right_ids, left_ids, keys)


def ranked_work(left: Stripe, right: Stripe | None, k: int, tile_rows: int) -> Iterator[pa.RecordBatch]:
    """Yields the complete result if there are no other stripes: the k nearest neighbors of every left row.

    The batches have id, rank, neighbor_id and cosine, sorted by id and rank.
    """
    left_ids, rows = left.read_rows()
    right_ids, others = (left_ids, rows) if right is None else right.read_rows()
    lists, _ = _shortlists(rows, None if right is None else others, k, tile_rows, both=False)
    ranks = ranks_of(right_ids)
    keys, by_rank = lists.exact(rows, others, ranks, within=right is None), np.argsort(ranks)
    by_id = np.argsort(ranks_of(left_ids))
    for part in _parts(len(keys), _BATCH_ROWS // keys.shape[1]):
        ordered = keys[by_id[part]]
        i, place = np.nonzero(ordered != EMPTY)
        steps, neighbors = split_keys(ordered[i, place])
        yield pa.record_batch(
            {
                "id": left_ids.take(pa.array(by_id[part][i])),
                "rank": pa.array(place + 1, pa.int32()),
                "neighbor_id": right_ids.take(pa.array(by_rank[neighbors])),
                "cosine": pa.array(steps / STEPS),
            }
        )


def _shortlists(
    rows: Rows, others: Rows | None, k: int, tile_rows: int, both: bool
) -> tuple[Shortlists, Shortlists | None]:
    """Returns the short lists of the rows among the others (None: among themselves).

    With ``both``, it also returns those of the others among the rows.
    """
    of_rows = Shortlists(len(rows), min(k, len(rows if others is None else others)))
    of_others = None if others is None or not both else Shortlists(len(others), min(k, len(rows)))
    for tile in tiles(rows, others, tile_rows):
        of_rows.offer_rows(tile)
        if of_others is not None:
            of_others.offer_columns(tile)
        elif others is None and not tile.diagonal:
            of_rows.offer_columns(tile)
    return of_rows, of_others


def pairs_work(
    left: Stripe, right: Stripe | None, threshold: float, tile_rows: int, ordered: bool, pruning: Pruning | None
) -> Iterator[pa.RecordBatch]:
    """Yields pairs of a left and a right row (without right: of two left rows) at or above the threshold.

    The batches have id_a, id_b and steps.

    Args:
        ordered: Whether the smaller id comes first, whatever its side.
    """
    left_ids, rows = left.read_rows()
    right_ids, others = (left_ids, rows) if right is None else right.read_rows()
    for i, j, steps in _pairs(rows, None if right is None else others, threshold, tile_rows, pruning):
        a, b = left_ids.take(pa.array(i)), right_ids.take(pa.array(j))
        if ordered:
            swap = pc.less(b, a)
            a, b = pc.if_else(swap, b, a), pc.if_else(swap, a, b)
        yield pa.record_batch({"id_a": a, "id_b": b, "steps": pa.array(steps, pa.int32())})


def _pairs(
    left: Rows, right: Rows | None, threshold: float, tile_rows: int, pruning: Pruning | None
) -> Iterator[Pairs]:
    if pruning is not None:
        yield from pairs_pruned(left, right, threshold, tile_rows, pruning)
        return
    for tile in tiles(left, right, tile_rows):
        yield from pairs_above(left, left if right is None else right, tile, threshold)


def matrix_work(left: Stripe, right: Stripe) -> Iterator[pa.RecordBatch]:
    """Yields the cosines of every row of the left stripe with all right rows, in the order of their ids.

    The batches have id and cosines (list of float).
    """
    ids, rows = left.read_rows()
    columns = ranks_of(right.read_ids())
    for part in _parts(len(rows), MATRIX_CELLS // len(columns)):
        cosines, start = np.empty((part.stop - part.start, len(columns)), np.float32), 0
        for block in right.blocks:
            _, others = replace(right, blocks=(block,)).read_rows()
            for some in _parts(len(cosines), _EXACT_CELLS // len(others)):
                steps = exact_block(rows[part][some], others)
                cosines[some, columns[start : start + len(others)]] = steps / STEPS
            start += len(others)
        yield from _lists(ids[part.start : part.stop], cosines)


def _lists(ids: pa.Array, cosines: np.ndarray) -> Iterator[pa.RecordBatch]:
    """Yields the rows of a matrix (n, n_columns) in batches of some MiB."""
    for part in _parts(len(cosines), _BATCH_CELLS // cosines.shape[1]):
        values = cosines[part]
        offsets = np.arange(len(values) + 1, dtype=np.int32) * values.shape[1]
        lists = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(values.reshape(-1)))
        yield pa.record_batch({"id": ids[part.start : part.stop], "cosines": lists})


def _neighbors(ids: pa.Array, neighbor_ids: pa.Array, keys: np.ndarray) -> Iterator[pa.RecordBatch]:
    """Yields exact keys (n, k) as rows."""
    by_rank = np.argsort(ranks_of(neighbor_ids))
    for part in _parts(len(keys), _BATCH_ROWS // keys.shape[1]):
        i, place = np.nonzero(keys[part] != EMPTY)
        steps, ranks = split_keys(keys[part][i, place])
        yield pa.record_batch(
            {
                "id": ids.take(pa.array(part.start + i)),
                "neighbor_id": neighbor_ids.take(pa.array(by_rank[ranks])),
                "steps": pa.array(steps, pa.int32()),
            }
        )


def _parts(n: int, size: int) -> Iterator[slice]:
    for start in range(0, n, max(1, size)):
        yield slice(start, min(n, start + max(1, size)))
