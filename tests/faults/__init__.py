"""What becomes of tables where processes die; run by ``scripts/test --faults``."""
