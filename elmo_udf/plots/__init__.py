"""Pictures, drawn on the driver from small aggregates into PNG files; no display is needed."""
