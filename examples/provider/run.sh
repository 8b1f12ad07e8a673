#!/usr/bin/env bash
# A provider's year, from the inventory to the neutrality claim, with the command line alone.
# Usage: examples/provider/run.sh DATA [CHARTS]    (both are folders; DATA must not be there yet; CHARTS is DATA-charts by default)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
export GREENCLOUD_DATA=${1:?"usage: run.sh DATA [CHARTS]"}
charts=${2:-${GREENCLOUD_DATA%/}-charts}
mkdir -p "$charts"

echo "== How the inventory is drawn up"
greencloud init --data "$GREENCLOUD_DATA" >/dev/null
greencloud inventory policy set --organization "Example Provider" --base-year 2020 --fiscal-year-start 4 >/dev/null
echo "== The published years: evidence with them, then approval"
greencloud inventory import "$here/inventory.csv" --evidence "$here/README.md" >/dev/null
greencloud inventory approve --year 2020 >/dev/null
greencloud inventory approve --year FY2022 >/dev/null
greencloud inventory totals 2020
greencloud inventory totals FY2022

echo "== Goals, and where they stand on what is published"
greencloud goal apply "$here/goals.toml"
for goal in operations-2030 scope3-intensity-2030 cloud-scope3-2030; do greencloud goal status "goals/$goal"; done

echo "== Later years, made up, so that there is something to forecast"
greencloud inventory import "$here/illustrative.csv" >/dev/null
greencloud goal status goals/cloud-scope3-2030
greencloud goal forecast goals/cloud-scope3-2030 --growth 6% --grid -4% --chart "$charts/trajectory.svg"

echo "== What would close the gap of the own operations, at least cost"
measure() { greencloud goal measure add "$@" --scopes scope2_market_based --currency CNY --source illustrative >/dev/null; }
measure power-purchase --display-name "Wind and solar contracts" --start FY2028 --reduction 1100kt --ramp-years 2 \
  --lifetime-years 15 --annual-cost 90000000
measure liquid-cooling --display-name "Liquid cooling" --start FY2028 --reduction 240kt --lifetime-years 12 \
  --capital-cost 900000000 --annual-cost -130000000
measure consolidation --display-name "Idle servers switched off" --start FY2027 --reduction 310kt --lifetime-years 8 \
  --capital-cost 40000000 --annual-cost -95000000
measure heat-reuse --display-name "Heat for districts" --start FY2029 --reduction 90kt --lifetime-years 20 \
  --capital-cost 1500000000 --annual-cost 20000000
measure storage --display-name "Batteries, clean hour by hour" --start FY2029 --reduction 520kt --lifetime-years 12 \
  --capital-cost 2600000000 --annual-cost 60000000 --overlap power-purchase=0.3
greencloud goal plan goals/operations-2030 --chart "$charts/abatement.svg"

echo "== Removals and credits: retired, then used once"
greencloud credits import "$here/instruments.csv" >/dev/null
use() { greencloud credits use "$1" --year FY2026 --units "$2" --goal goals/cloud-scope3-2030 >/dev/null; }
use mineral-storage 18000
use biochar 52000
use afforestation 90000
use cookstoves 160000
greencloud credits neutrality FY2026 --goal goals/cloud-scope3-2030
greencloud credits chart FY2026 --goal goals/cloud-scope3-2030 -o "$charts/neutrality.svg"

echo "== Emissions avoided for others (Scope 3+): a book of its own, never netted"
greencloud credits initiative add smart-routing --name "Shorter delivery routes" --partner "Carriers" \
  --baseline "Routes planned by hand" --counterfactual "The carriers had no other planner" --methodology "illustrative" \
  --attribution 0.5 >/dev/null
for year in FY2023:2900:1750 FY2024:3400:1830 FY2025:4100:1900 FY2026:5200:2050; do
  IFS=: read -r name before after <<<"$year"
  greencloud credits initiative year smart-routing --year "$name" --baseline "${before}kt" --actual "${after}kt" >/dev/null
done
greencloud credits scope3plus --target 1.5Gt --target-year 2035

echo "== Disclosures"
for standard in ghg_protocol iso_14064_1 esrs_e1 ifrs_s2; do
  greencloud inventory disclose FY2022 --standard "$standard" -o html >"$charts/$standard.html"
done
ls "$charts"
