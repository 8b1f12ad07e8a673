"""What people and programs are shown of a footprint or a goal: renderers from result values to text, one module a format."""

from greencloud.report.amounts import EMISSION_UNITS, ENERGY_UNITS
from greencloud.report.changes import MEASURES, Pair, key_of, limited, paired, total_pair
from greencloud.report.dataset import Dataset, Field, Kind
from greencloud.report.delimited import footprint_csv
from greencloud.report.difference import (
    Difference,
    difference_data,
    difference_document,
    difference_markdown,
    difference_of,
    difference_table,
)
from greencloud.report.documents import balance_document, footprint_document
from greencloud.report.footprint_data import footprint_data
from greencloud.report.goals import goal_document, goal_table
from greencloud.report.markdown import footprint_markdown
from greencloud.report.presets import PRESETS, Preset
from greencloud.report.ranking import Order, sorted_pairs
from greencloud.report.restatements import (
    dry_run_document,
    restatements_csv,
    restatements_document,
    restatements_jsonl,
    restatements_table,
)
from greencloud.report.rules import rules_document, rules_markdown, rules_table
from greencloud.report.sheet import Changes, Layout, printable
from greencloud.report.tables import balance_table, footprint_table
from greencloud.report.writing import DATA_FORMATS, write_dataset

__all__ = [
    "DATA_FORMATS",
    "EMISSION_UNITS",
    "ENERGY_UNITS",
    "MEASURES",
    "PRESETS",
    "Changes",
    "Dataset",
    "Difference",
    "Field",
    "Kind",
    "Layout",
    "Order",
    "Pair",
    "Preset",
    "balance_document",
    "balance_table",
    "difference_data",
    "difference_document",
    "difference_markdown",
    "difference_of",
    "difference_table",
    "dry_run_document",
    "footprint_csv",
    "footprint_data",
    "footprint_document",
    "footprint_markdown",
    "footprint_table",
    "goal_document",
    "goal_table",
    "key_of",
    "limited",
    "paired",
    "printable",
    "restatements_csv",
    "restatements_document",
    "restatements_jsonl",
    "restatements_table",
    "rules_document",
    "rules_markdown",
    "rules_table",
    "sorted_pairs",
    "total_pair",
    "write_dataset",
]
