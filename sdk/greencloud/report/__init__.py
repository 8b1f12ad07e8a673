"""What people and programs are shown of a footprint or a goal: renderers from result values to text, one module a format."""

from greencloud.report.delimited import footprint_csv
from greencloud.report.documents import balance_document, footprint_document, goal_document
from greencloud.report.markdown import footprint_markdown
from greencloud.report.restatements import (
    dry_run_document,
    restatements_csv,
    restatements_document,
    restatements_jsonl,
    restatements_table,
)
from greencloud.report.rules import rules_document, rules_markdown, rules_table
from greencloud.report.tables import balance_table, footprint_table, goal_table

__all__ = [
    "balance_document",
    "balance_table",
    "dry_run_document",
    "footprint_csv",
    "footprint_document",
    "footprint_markdown",
    "footprint_table",
    "goal_document",
    "goal_table",
    "restatements_csv",
    "restatements_document",
    "restatements_jsonl",
    "restatements_table",
    "rules_document",
    "rules_markdown",
    "rules_table",
]
