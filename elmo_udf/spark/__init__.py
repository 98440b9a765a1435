"""The Spark side: session, files, tables, inputs; no network and no text."""
