"""The SQLite store of runs and judgements."""
