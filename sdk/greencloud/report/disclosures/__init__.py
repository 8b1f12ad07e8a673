"""Disclosures: what a standard asks for, made of values, and written as JSON, CSV, Excel or a document to print."""

from greencloud.report.disclosures.making import disclosure_of, write_disclosure

__all__ = ["disclosure_of", "write_disclosure"]
