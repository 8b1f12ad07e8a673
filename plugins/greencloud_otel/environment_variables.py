"""Environment variables of the plugin; ``opentelemetry-instrument`` makes a command line flag of each."""

from typing import Final

__all__ = ["OTEL_PYTHON_GREENCLOUD_ENABLED"]

OTEL_PYTHON_GREENCLOUD_ENABLED: Final = "OTEL_PYTHON_GREENCLOUD_ENABLED"
"""``false`` leaves the plugin installed and switched off. Default: ``true``."""
