"""Compares a model with published numbers of google/elmo: a row each, and exit code 1 where one is off by over 1e-3."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from published_numbers import TOLERANCE, Verification, verify
from published_records import read_records

from elmo_udf.errors import UserError
from elmo_udf.models import load_model
from elmo_udf.network.engine import Network

REFERENCE = Path(__file__).resolve().parents[2] / "shared" / "reference" / "hub_reference.json"


def main(argv: list[str] | None = None) -> int:
    """Show every number of every record; 0 where all agree, 1 where one does not, 2 for a mistake in what was asked."""
    parser = argparse.ArgumentParser(prog="scripts/verify-published", description=__doc__)
    parser.add_argument("model", help="model handle, such as https://tfhub.dev/google/elmo/3 or a folder")
    parser.add_argument("--reference", type=Path, default=REFERENCE, help="JSON file of records (default: %(default)s)")
    options = parser.parse_args(argv)
    try:
        records = read_records(options.reference)
        print(f"reading {options.model}, then running {len(records)} records", file=sys.stderr)
        network = Network(load_model(options.model))
        print(line("record", "place", "expected", "found", "difference"))
        rows = [show(row) for row in verify(records, network)]
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    n_failed, n_shown = sum(row.fails for row in rows), sum(bool(row.reason) for row in rows)
    n_agreed = len(rows) - n_failed - n_shown
    print(f"\n{n_agreed} numbers agree within {TOLERANCE:g}, {n_failed} do not, {n_shown} are only shown")
    return 1 if n_failed else 0


def show(row: Verification) -> Verification:
    """Print a verification as one row."""
    expected, found, difference = (
        "-" if value is None else f"{value:.6f}" for value in (row.expected, row.found, row.difference)
    )
    verdict = "FAILED" if row.fails else f"only shown: {row.reason}" if row.reason else "ok"
    print(line(row.record, row.place, expected, found, difference), verdict)
    return row


def line(record: str, place: str, *numbers: str) -> str:
    """A row of the table, up to its verdict."""
    return f"{record:<22} {place:<23} " + " ".join(f"{number:>11}" for number in numbers) + " "


if __name__ == "__main__":
    sys.exit(main())
