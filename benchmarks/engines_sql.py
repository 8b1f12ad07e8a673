"""The peer of ``engines.py``: the same allocation as plain Spark SQL, in exact decimals and by largest remainders.

What a data team would write: energy of hosts, dynamic by use, idle by reservations, overhead by PUE, emissions by three factors,
each total apportioned to integers by window functions, first over claims and then over what the claims are for. It knows one kind
of host and book (that of ``engines_lake``) and leaves out what the ledger's path has beside the figures: inputs that are kept,
evidence, tenants' own division, quality, intervals, headers, the balance check, the commit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.engines_lake import ACCOUNTS, FACTORS, IDLE_WATTS, PUE, WATT_HOUR

_KWH = 3_600_000_000

_RULE = """
with used as (
  select site, window_start, host, account, service, sum(cpu_ns) as w from usage group by all
), claimed as (
  select site, window_start, host, account, sum(w) as w from used group by all
), hosts as (
  select r.site, r.window_start, r.host, r.energy_mj, least(r.energy_mj, {idle}) as idle_mj,
    greatest(r.busy_cpu_ns - coalesce(sum(c.w), 0), 0) as rest
  from readings r left join claimed c using (site, window_start, host)
  group by r.site, r.window_start, r.host, r.energy_mj, r.busy_cpu_ns
), weights as (
  select site, window_start, host, account, w from claimed
  union all select site, window_start, host, '(unattributed)', rest from hosts where rest > 0
), dynamic as (
  {dynamic}
), pool as (
  select site, window_start, sum(idle_mj) as idle_mj from hosts group by all
), reserved as (
  select p.site, p.window_start, p.idle_mj as total, r.account, cast(r.vcpu as decimal(38,0)) * 3600000000000 as w
  from pool p join reservations r using (site)
), held as (
  {idle_parts}
), claims as (
  select site, window_start, host, account, 'dynamic' as component, part as energy from dynamic where part > 0
  union all select site, window_start, '', account, 'idle', part from held where part > 0
), load as (
  select site, window_start, sum(energy) as it, cast(round(sum(energy) * {pue}) as decimal(38,0)) as load from claims group by all
), both as (
  select c.*, 'own' as kind from claims c
  union all ({overhead})
), lines as (
  select b.site, b.window_start, b.host, b.account, b.component, b.kind, b.energy,
    {line_columns}
  from both b join load l using (site, window_start)
)
select * from lines
"""


def largest_remainder(source: str, over: str, total: str, weight: str, order: str, keep: str, name: str = "part") -> str:
    """SQL that apportions ``total`` over the rows of each group of ``over``, in proportion to ``weight``; ties by ``order``."""
    product = f"cast({total} as decimal(38,0)) * {weight}"
    whole = f"sum({weight}) over (partition by {over})"
    return f"""
    select {keep}, quota + case when rank <= left_over then 1 else 0 end as {name} from (
      select *, {total_left(over, total)} as left_over,
        row_number() over (partition by {over} order by remainder desc, {order}) as rank
      from (
        select *, floor({product} / {whole}) as quota_rough,
          cast(({product} - ({product}) % {whole}) / {whole} as decimal(38,0)) as quota, ({product}) % {whole} as remainder
        from ({source}) where {weight} > 0
      )
    )"""


def total_left(over: str, total: str) -> str:
    return f"max({total}) over (partition by {over}) - sum(quota) over (partition by {over})"


def run(spark: Any, lake: Path, out: Path) -> tuple[int, int]:
    """Allocate the whole lake and write Parquet by site and day; how many postings, and their millijoules."""
    spark.read.option("basePath", str(lake)).parquet(f"{lake}/site=*/window_start=*").createOrReplaceTempView("usage")
    read = spark.read.option("basePath", f"{lake}/readings").parquet(f"{lake}/readings/site=*/window_start=*")
    read.createOrReplaceTempView("readings")
    sites = [row[0] for row in spark.sql("select distinct site from readings").collect()]
    held = [(site, f"a{account:04}", 1 + (account * 7) % 60) for site in sites for account in range(ACCOUNTS)]
    spark.createDataFrame(held, "site string, account string, vcpu long").createOrReplaceTempView("reservations")
    claims = _sql(spark)
    claims.createOrReplaceTempView("lines")
    leaves = spark.sql(
        """
        with used as (select site, window_start, host, account, service, sum(cpu_ns) as w from usage group by all),
        site_wide as (select site, window_start, '' as host, account, service, sum(w) as w from used group by all)
        select * from used union all select * from site_wide
        """
    )
    leaves.createOrReplaceTempView("leaves")
    whole = "x.site, x.window_start, x.host, x.account, x.component, x.kind"
    joined = f"""
      select {whole}, coalesce(l.service, '') as service, cast(coalesce(l.w, 1) as decimal(38,0)) as w,
        x.energy, x.location, x.market, x.upstream
      from lines x left join leaves l using (site, window_start, host, account)
    """
    over = "site, window_start, host, account, component, kind"
    source = joined
    for measure in ("energy", "location", "market", "upstream"):
        keep = ", ".join([over, "service", "w", "energy", "location", "market", "upstream", *_so_far(measure)])
        source = largest_remainder(source, over, measure, "w", "service", keep, f"{measure}_part")
    postings = spark.sql(
        f"""
        select site, window_start, account, service, case when kind = 'own' then component else 'overhead' end as component,
          sum(energy_part) as energy_mj, sum(location_part) as location_ug, sum(market_part) as market_ug,
          sum(upstream_part) as upstream_ug, to_date(window_start) as day
        from ({source}) group by all
        """
    )
    postings.write.mode("overwrite").partitionBy("site", "day").parquet(str(out))
    written = spark.read.parquet(str(out))
    row = written.selectExpr("count(*)", "sum(energy_mj)").collect()[0]
    return int(row[0]), int(row[1])


def _so_far(measure: str) -> list[str]:
    measures = ["energy", "location", "market", "upstream"]
    return [f"{name}_part" for name in measures[: measures.index(measure)]]


def _sql(spark: Any) -> Any:
    """Claims with their energy and emission lines."""
    per_host = "site, window_start, host"
    dynamic = largest_remainder(
        "select w.*, h.energy_mj - h.idle_mj as total from weights w join hosts h using (site, window_start, host)",
        per_host,
        "total",
        "w",
        "account",
        f"{per_host}, account",
    )
    held = largest_remainder("select * from reserved", "site, window_start", "total", "w", "account", "site, window_start, account")
    overhead = largest_remainder(
        "select c.*, l.load - l.it as beyond from claims c join load l using (site, window_start)",
        "site, window_start",
        "beyond",
        "energy",
        "host, account, component",
        "site, window_start, host, account, component",
        "energy",
    )
    lines = ", ".join(
        f"cast(round(l.load * {FACTORS[kind] * 1_000_000} / {_KWH}) as decimal(38,0)) as {name}_total"
        for name, kind in (("location", "location"), ("market", "residual"), ("upstream", "upstream"))
    )
    text = _RULE.format(
        idle=IDLE_WATTS * WATT_HOUR,
        dynamic=dynamic,
        idle_parts=held,
        pue=PUE,
        overhead=f"select site, window_start, host, account, component, energy, 'overhead' as kind from ({overhead})",
        line_columns=lines,
    )
    source = text
    over = "site, window_start"
    order = "kind desc, host, account, component"
    kept = ["site", "window_start", "host", "account", "component", "kind", "energy"]
    totals = ["location_total", "market_total", "upstream_total"]
    for number, name in enumerate(("location", "market", "upstream")):
        keep = ", ".join([*kept, *totals])
        spark.sql(source).createOrReplaceTempView(f"step_{number}")
        source = largest_remainder(f"select * from step_{number}", over, f"{name}_total", "energy", order, keep, name)
        kept.append(name)
    return spark.sql(source)
