"""What all verbs have in common, for ``greencloud help TOPIC``."""

from __future__ import annotations

from typing import Final

__all__ = ["EXIT_CODES", "TOPICS"]

EXIT_CODES: Final = {
    0: "done",
    1: "an error, or a check that found a fault",
    2: "wrong usage",
    3: "a threshold was exceeded (--fail-above), or what it is about is not known",
    4: "not authenticated, or not allowed",
    5: "not found",
    6: "unavailable: the server, the store, room on the disk, or time ran out",
    7: "a period that cannot be closed, or a statement or log of roots that does not hold",
    130: "interrupted by Ctrl-C",
}

_PERIODS: Final = """\
Periods (--period, and the arguments of diff) are whole UTC days and half-open: the end is not part of them.

  today yesterday            UTC days
  last-7d                    the whole days before today
  this-week last-week        ISO 8601 weeks, from Monday
  this-month last-month      calendar months
  this-quarter last-quarter  of the year that begins with --fiscal-year-start (January by default)
  this-year last-year
  2026  2026-Q1  2026-03     of the calendar year
  2026-W12  2026-03-05       a week, a day
  FY2026  FY2026-Q2          of the fiscal year, named for the calendar year in which it ends

--from and --to take ISO 8601: 2026-03-05, 2026-03-05T14:00Z, 2026-03-05T14:00+01:00.
--change compares with the period before: the month before a month, else the same length of time.
--tz shows the times of a table in another zone. Hours, days and months stay those of UTC.
"""

_FORMATS: Final = """\
The default is the table, on a terminal and in a pipe alike. --out FILE chooses the format by its suffix.

  table    for people; figures are rounded to the unit of their column
  md       the same in Markdown
  json     one document, every amount exact and readable
  jsonl    one object a line, exact
  csv      texts quoted, exact; a text that a spreadsheet would run gets an apostrophe
  tsv      nothing quoted; tab, line end and backslash in a text are \\t \\n \\r \\\\
  parquet  decimal128(38, 0) for amounts, exact; with pip install 'greencloud[arrow]'
  arrow    the same as an Arrow IPC file
  html     of report: a page to read and to print; --lang zh in Chinese; with pip install 'greencloud[page]'
  pdf      of report: its charts; likewise png and svg

Energy is in millijoules and CO2e in micrograms, as the column's name says. Parquet, Arrow, PDF and PNG are refused on a terminal.
A table longer than the screen is shown by PAGER; --no-pager does without. Messages and notes go to standard error.
"""

_ENVIRONMENT: Final = """\
  GREENCLOUD_DATA               data directory, for --data
  GREENCLOUD_SERVER             HOST:PORT, for --server
  GREENCLOUD_PROFILE            profile of the configuration file, for --profile
  GREENCLOUD_TOKEN              bearer token
  GREENCLOUD_TOKEN_FILE         file with the bearer token, read again for each call
  GREENCLOUD_CA_FILE            authorities (PEM) to trust instead of those of the system
  GREENCLOUD_CONFIG             the configuration file; greencloud config path prints where it is
  GREENCLOUD_FISCAL_YEAR_START  month 1 to 12, for --fiscal-year-start
  GREENCLOUD_STORE_URI          s3://BUCKET/PREFIX, for --store: all that is written once lies there
  GREENCLOUD_LEDGER_URI         s3://BUCKET/PREFIX, for --ledger of init: the ledger alone lies there
  GREENCLOUD_LOG_URI            nats://HOST:PORT/STREAM, for --log: the shared log of several servers
  GREENCLOUD_SERVING_COPY       postgresql://…, for --serving-copy and ledger copy --to; may hold a password
  GREENCLOUD_KAFKA_CONFIG       file with librdkafka's properties, for a shared log on Kafka
  GREENCLOUD_WORK               folder where a worker of an engine keeps its cache of a store
  AWS_ENDPOINT_URL AWS_REGION   where object storage is, and its credentials: AWS_ACCESS_KEY_ID,
                                AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_PROFILE; AWS_ALLOW_HTTP=true without TLS
  NATS_USER NATS_PASSWORD       credentials of the broker; or NATS_CREDS, NATS_NKEY, NATS_TOKEN; for TLS NATS_CA,
                                NATS_CERT, NATS_KEY
  SPARK_REMOTE                  sc://HOST:PORT, for --remote
  PAGER                         what shows a long table

What is typed beats what is set, and the environment beats the profile. Output is plain text: there is no colour to turn off.
"""

TOPICS: Final = {
    "exit-codes": "".join(f"{code:>5}  {text}\n" for code, text in EXIT_CODES.items()),
    "periods": _PERIODS,
    "formats": _FORMATS,
    "environment": _ENVIRONMENT,
}
