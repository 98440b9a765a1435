"""Tests on clusters of processes, which `scripts/test --cluster` runs; the ordinary run does not."""
