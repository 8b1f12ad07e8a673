"""The engine: which windows are due, allocation run on them, and the batches posted to the ledger of a data directory."""

from greencloud.engine.data import FORMAT, DataDirectory
from greencloud.engine.ingest import Ingested, ingest_file
from greencloud.engine.run import LARGE_CHANGE, run_allocation

__all__ = ["FORMAT", "LARGE_CHANGE", "DataDirectory", "Ingested", "ingest_file", "run_allocation"]
