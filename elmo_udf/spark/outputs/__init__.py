"""Checks the outputs of a job before the work, stages and counts them, and moves them into place under a lock."""
