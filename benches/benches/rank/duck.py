"""One ranking in DuckDB: the SQL of intelligence/sql over the same files, as one line of JSON. duck.py POLICY FOLDER"""

import json
import pathlib
import re
import sys
import time

import duckdb

SQL = pathlib.Path(__file__).parent / "../../../intelligence/sql"
NOW_MS = 1_778_025_600_000 + 24 * 3_600_000 + 1_800_000


def settings():
    text = (SQL / "../src/policy/expected.rs").read_text()
    body = text[text.index("impl Default for Settings"):]
    body = body[: body.index("\n}\n")]
    return {name: float(value.replace("_", "")) for name, value in re.findall(r"(\w+): ([\d_.]+),", body)}


def peak_bytes():
    line = next(line for line in open("/proc/self/status") if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


policy, folder = sys.argv[1:]
text = re.sub(r":(\w+)", r"$\1", (SQL / f"{policy}.sql").read_text())
values = {"now_ms": NOW_MS, "window_hours": 24} | (settings() if policy == "ours" else {})
duck = duckdb.connect()
started = time.perf_counter()
duck.execute(f"CREATE VIEW facts AS FROM read_parquet('{folder}/**/*.parquet', hive_partitioning = true)")
rows = duck.execute(text, values).fetchall()
seconds = time.perf_counter() - started
measured = {"seconds": seconds, "peak_bytes": peak_bytes()}
assert len(rows) == 320, len(rows)
if policy == "documented":
    # The same groups once more, outside of what is timed, for their quantiles.
    exact = f"""SELECT model, provider, quantile_disc(latency_ms, 0.95) FROM facts
        WHERE submitted_at BETWEEN {NOW_MS - 24 * 3_600_000} AND {NOW_MS} AND latency_ms >= 0 GROUP BY ALL"""
    measured["p95"] = {f"{model} {provider}": p95 for model, provider, p95 in duck.execute(exact).fetchall()}
print(json.dumps(measured))
