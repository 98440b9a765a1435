"""Draws pictures to PNG files on the driver, from small aggregates. It needs no display."""
