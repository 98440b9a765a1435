"""The Spark side: the session, files of any address, tables, models on executors; no network and no text."""
