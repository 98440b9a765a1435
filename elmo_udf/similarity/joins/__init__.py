"""Compares whole tables on Spark: plans the work, divides it into tasks, and combines and updates results."""
