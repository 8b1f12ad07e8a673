"""``greencloud export``: the columns that providers publish, and figures that are those of the report, to the last digit."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cli_world import run, two_months

# https://docs.aws.amazon.com/cur/latest/userguide/carbon-emissions-columns.html
AWS = [
    "last_refresh_timestamp",
    "location",
    "model_version",
    "payer_account_id",
    "product_code",
    "region_code",
    "total_lbm_emissions_unit",
    "total_lbm_emissions_value",
    "total_mbm_emissions_unit",
    "total_mbm_emissions_value",
    "total_scope_1_emissions_unit",
    "total_scope_1_emissions_value",
    "total_scope_2_lbm_emissions_unit",
    "total_scope_2_lbm_emissions_value",
    "total_scope_2_mbm_emissions_unit",
    "total_scope_2_mbm_emissions_value",
    "total_scope_3_lbm_emissions_unit",
    "total_scope_3_lbm_emissions_value",
    "total_scope_3_mbm_emissions_unit",
    "total_scope_3_mbm_emissions_value",
    "usage_account_id",
    "usage_period_end",
    "usage_period_start",
]

# https://cloud.google.com/carbon-footprint/docs/data-schema
GOOGLE = [
    "usage_month",
    "billing_account_id",
    "project.id",
    "project.number",
    "service.description",
    "service.id",
    "location.location",
    "location.region",
    "carbon_model_version",
    "carbon_footprint_total_kgCO2e.market_based",
    "carbon_footprint_total_kgCO2e.location_based",
    "carbon_footprint_total_kgCO2e.after_offsets",
    "carbon_footprint_kgCO2e.scope1",
    "carbon_footprint_kgCO2e.scope2.location_based",
    "carbon_footprint_kgCO2e.scope2.market_based",
    "carbon_footprint_kgCO2e.scope3",
]

# https://focus.finops.org/focus-specification/v1-2/
FOCUS = [
    "BillingAccountId",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "RegionId",
    "ServiceName",
    "SkuId",
    "SubAccountId",
]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return two_months(tmp_path_factory.mktemp("export"))


def exported(data: Path, preset: str, *options: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(run(data, "export", "--preset", preset, *options).stdout, newline="")))


def reported(data: Path) -> list[Any]:
    options = ("--group-by", "account,service,region", "--granularity", "month", "-o", "json")
    rows: list[Any] = json.loads(run(data, "report", *options).stdout)["rows"]
    return rows


def test_the_aws_table_has_the_published_columns_and_the_figures_in_tons(data: Path) -> None:
    rows, wanted = exported(data, "aws-carbon"), reported(data)

    assert list(rows[0]) == AWS
    for row, of in zip(rows, wanted, strict=True):
        assert row["usage_account_id"] == row["payer_account_id"] == of["dimensions"]["account"]
        assert (row["usage_period_start"], row["usage_period_end"]) == (of["start"], of["end"])
        assert row["total_lbm_emissions_unit"] == "MTCO2e"
        for method, name in (("lbm", "total_location_based"), ("mbm", "total_market_based")):
            scopes = ("total_scope_1", f"total_scope_2_{method}", f"total_scope_3_{method}")
            total = Decimal(row[f"total_{method}_emissions_value"])
            assert total * 10**12 == of[name]["micrograms"]
            assert sum(Decimal(row[f"{scope}_emissions_value"]) for scope in scopes) == total
    assert {row["payer_account_id"] for row in exported(data, "aws-carbon", "--payer", "holding")} == {"holding"}


def test_the_google_table_has_the_published_fields_as_records(data: Path, tmp_path: Path) -> None:
    rows, wanted = exported(data, "google-carbon"), reported(data)
    lines = run(data, "export", "--preset", "google-carbon", "-o", "jsonl").stdout.splitlines()
    run(data, "export", "--preset", "google-carbon", "--out", str(tmp_path / "g.parquet"))
    table = pq.read_table(tmp_path / "g.parquet")

    assert list(rows[0]) == GOOGLE
    assert table.schema.field("carbon_footprint_kgCO2e").type == pa.struct(
        [
            ("scope1", pa.float64()),
            ("scope2", pa.struct([("location_based", pa.float64()), ("market_based", pa.float64())])),
            ("scope3", pa.float64()),
        ]
    )
    assert table.schema.field("usage_month").type == pa.date32()
    for row, line, record, of in zip(rows, lines, table.to_pylist(), wanted, strict=True):
        told = json.loads(line, parse_float=Decimal)
        exact = Decimal(of["total_location_based"]["kg_co2e"])
        assert Decimal(row["carbon_footprint_total_kgCO2e.location_based"]) == exact
        assert told["carbon_footprint_total_kgCO2e"]["location_based"] == exact
        assert record["carbon_footprint_total_kgCO2e"]["location_based"] == float(exact)
        assert told["carbon_footprint_total_kgCO2e"]["after_offsets"] is None
        assert (row["usage_month"], told["carbon_model_version"]) == (of["start"][:10], 2)


def test_the_focus_table_has_published_names_and_marks_its_own(data: Path) -> None:
    rows = exported(data, "focus", "--granularity", "day")
    names = list(rows[0])

    assert names[: len(FOCUS)] == FOCUS
    assert all(name.startswith("x_") for name in names[len(FOCUS) :])
    for row in rows:
        assert row["BillingPeriodStart"] <= row["ChargePeriodStart"] < row["ChargePeriodEnd"] <= row["BillingPeriodEnd"]
    total = sum(Decimal(row["x_TotalMarketBasedKgCO2e"]) for row in rows)
    assert total * 10**9 == sum(row["total_market_based"]["micrograms"] for row in reported(data))


def test_the_plain_table_is_the_report_s(data: Path) -> None:
    options = ("--group-by", "account,component", "--period", "2026-01")
    report = run(data, "report", *options, "--granularity", "month", "-o", "csv").stdout

    assert run(data, "export", *options).stdout == report


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--preset", "aws-carbon", "--granularity", "day"], "aws-carbon is by month"),
        (["--preset", "focus", "--group-by", "service"], "says what its rows are"),
        (["--from", "2026-01-15", "--to", "2026-02-01"], "cuts a month in two"),
        (["--period", "2026-W05"], "cuts a month in two"),
        (["--account", "acme", "--filter", "account=acme"], "either --account or --filter"),
        (["--out", "x.md"], "there is no format md here"),
        (["--out", "x.xlsx"], "there is no format xlsx here"),
    ],
)
def test_wrong_usage_says_what_is_right(data: Path, options: list[str], said: str) -> None:
    assert said in " ".join(run(data, "export", *options, code=2).stderr.split())


def test_nothing_posted_is_a_table_without_rows(data: Path) -> None:
    done = run(data, "export", "--preset", "aws-carbon", "--period", "2020")

    assert len(done.stdout.splitlines()) == 1
    assert "no rows" in done.stderr
