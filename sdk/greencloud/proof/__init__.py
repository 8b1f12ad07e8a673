"""Closing a period with a Merkle sum tree: one signed root, and statements that anybody verifies against it, offline.

``build`` makes the tree, ``log`` publishes its root, ``SumTree.statement`` gives an account what is its own, ``verify`` checks it.
The specification, for verifiers of one's own, is ``docs/proof.md``.
"""

from greencloud.proof.audit import audit, verify_all
from greencloud.proof.canonical import canonical, parse, read_file
from greencloud.proof.closing import build
from greencloud.proof.folder import damaged
from greencloud.proof.lines import AccountLines, Line, fold
from greencloud.proof.log import (
    MAX_LOG_BYTES,
    MAX_ROOT_BYTES,
    append_entry,
    close_entry,
    key_entry,
    log_faults,
    parse_entry,
    parse_log,
    read_log,
)
from greencloud.proof.measures import MEASURES
from greencloud.proof.periods import Period, period_named
from greencloud.proof.signing import Signer, fingerprint
from greencloud.proof.statement import MAX_STATEMENT_BYTES, withhold
from greencloud.proof.tree import SumTree
from greencloud.proof.verification import Finding, verify

__all__ = [
    "MAX_LOG_BYTES",
    "MAX_ROOT_BYTES",
    "MAX_STATEMENT_BYTES",
    "MEASURES",
    "AccountLines",
    "Finding",
    "Line",
    "Period",
    "Signer",
    "SumTree",
    "append_entry",
    "audit",
    "build",
    "canonical",
    "close_entry",
    "damaged",
    "fingerprint",
    "fold",
    "key_entry",
    "log_faults",
    "parse",
    "parse_entry",
    "parse_log",
    "period_named",
    "read_file",
    "read_log",
    "verify",
    "verify_all",
    "withhold",
]
