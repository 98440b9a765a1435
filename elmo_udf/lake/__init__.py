"""Maintains embedding tables: rewrites a table that has grown, and checks a table against its source."""
