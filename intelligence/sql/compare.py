"""Ranks one Parquet folder in PySpark (and DuckDB) with the SQL beside this file, and in Polars with the program; says
whether they agree to 1e-9. `make compare-spark` prepares what it needs.

compare.py PROGRAM FOLDER: PROGRAM is the built `babysea`, FOLDER takes the generated attempts.
"""

import json
import pathlib
import re
import subprocess
import sys

import duckdb
from pyspark.sql import SparkSession

HERE = pathlib.Path(__file__).parent
SCENARIOS = ["steady", "brown-out", "slow-drift", "flapping", "new-provider", "rare-model", "price-change", "total-outage"]
TOLERANCE = 1e-9


def settings():
    """The defaults of ours, from the place that defines them."""
    text = (HERE / "../src/policy/expected.rs").read_text()
    body = text[text.index("impl Default for Settings"):]
    body = body[: body.index("\n}\n")]
    return {name: float(value.replace("_", "")) for name, value in re.findall(r"(\w+): ([\d_.]+),", body)}


def program(binary, *arguments):
    done = subprocess.run([binary, "--json", "intelligence", *arguments], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def generated(binary, folder):
    """A folder of Parquet, partitioned as the observatory's own, one region per story; and one file of all of it."""
    rows = []
    for number, scenario in enumerate(SCENARIOS):
        csv = folder / f"{scenario}.csv"
        program(binary, "simulate", "--scenario", scenario, "--seed", "77", "--out", str(csv))
        rows.append(
            f"""SELECT '{scenario}/' || model AS model, region, provider, outcome, error_code,
                CAST(latency_ms AS DOUBLE) AS latency_ms, CAST(estimated_cost AS DOUBLE) AS estimated_cost,
                epoch_ms(CAST(submitted_at AS TIMESTAMPTZ)) AS submitted_at,
                epoch_ms(CAST(resolved_at AS TIMESTAMPTZ)) AS resolved_at,
                CASE WHEN {number} % 2 = 1 THEN CAST(5 * (1 + attempt_order % 2) AS DOUBLE) END AS duration_s,
                CASE WHEN {number} % 2 = 1 THEN '1080p' END AS resolution
            FROM read_csv('{csv}', header = true, all_varchar = false, types = {{'error_code': 'VARCHAR'}})"""
        )
    attempts = duckdb.connect()
    attempts.execute("SET TimeZone = 'UTC'")
    attempts.execute("CREATE TABLE facts AS " + " UNION ALL ".join(rows))
    # Some are still in flight at the moment of the ranking.
    now_ms = attempts.execute("SELECT max(submitted_at) - 1800000 FROM facts").fetchone()[0]
    attempts.execute(f"DELETE FROM facts WHERE submitted_at > {now_ms}")
    attempts.execute(
        f"UPDATE facts SET outcome = 'pending', error_code = NULL, latency_ms = NULL, resolved_at = NULL "
        f"WHERE resolved_at > {now_ms}"
    )
    attempts.execute(
        f"""COPY (SELECT *, strftime(to_timestamp(submitted_at / 1000), '%Y-%m-%d') AS day,
                 strftime(to_timestamp(submitted_at / 1000), '%H') AS hour FROM facts ORDER BY model, provider)
            TO '{folder}/attempts' (FORMAT parquet, PARTITION_BY (day, hour), OVERWRITE_OR_IGNORE)"""
    )
    attempts.execute(f"COPY facts TO '{folder}/attempts.parquet' (FORMAT parquet)")
    return now_ms


def keyed(rows):
    """Score and place of every provider of every model."""
    found, places = {}, {}
    for model, region, provider, attempts, score in rows:
        place = places[model, region] = places.get((model, region), -1) + 1
        found[model, region, provider] = (place, float(score))
    return found


def in_polars(binary, folder, policy, now):
    ranked = program(binary, "rank", "--attempts", str(folder / "attempts.parquet"), "--region", "us", "--policy", policy,
                     "--now", now)
    return keyed(
        (model["model"], model["region"], provider, None, model["scores"][provider])
        for model in ranked
        for provider in model["providers_ranked"]
    )


def worst(expected, found):
    """The largest relative difference of a score; infinite when a row or a place differs."""
    if expected.keys() != found.keys() or any(expected[key][0] != found[key][0] for key in expected):
        return float("inf")
    return max(abs(expected[key][1] - found[key][1]) / max(1.0, abs(expected[key][1])) for key in expected)


def main():
    binary, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    now_ms = generated(binary, folder)
    spark = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    spark.read.parquet(str(folder / "attempts")).createOrReplaceTempView("facts")
    duck = duckdb.connect()
    duck.execute(f"CREATE VIEW facts AS FROM read_parquet('{folder}/attempts/**/*.parquet', hive_partitioning = true)")
    now = duck.execute(f"SELECT strftime(to_timestamp({now_ms} / 1000.0) AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%gZ')").fetchone()[0]
    holds = True
    for policy in ["documented", "ours"]:
        text = (HERE / f"{policy}.sql").read_text()
        values = {"now_ms": now_ms, "window_hours": 24} | (settings() if policy == "ours" else {})
        expected = in_polars(binary, folder, policy, now)
        engines = {
            "Spark": lambda: [tuple(row) for row in spark.sql(text, args=values).collect()],
            "DuckDB": lambda: duck.execute(re.sub(r":(\w+)", r"$\1", text), values).fetchall(),
        }
        for engine, rows in engines.items():
            difference = worst(expected, keyed(rows()))
            holds &= difference <= TOLERANCE
            print(f"{policy:<11} {engine:<7} {len(expected)} rows, largest difference from Polars {difference:.1e} "
                  f"({'equal' if difference <= TOLERANCE else 'DIFFERENT'} to {TOLERANCE:.0e})")
    spark.stop()
    sys.exit(0 if holds else 1)


main()
