"""Runs count.sql: count.py EVENTS COUNTS HEADS TODAY."""

import sys
from pathlib import Path

import duckdb

events, counts, heads, today = sys.argv[1:]
connection = duckdb.connect()
connection.execute("SET threads = 2")
for name, value in {"events": events, "counts": counts, "heads": heads, "today": today}.items():
    connection.execute(f"SET VARIABLE {name} = ?", [value])
connection.execute(Path(__file__).with_name("count.sql").read_text())
