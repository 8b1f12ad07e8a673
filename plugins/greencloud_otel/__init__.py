"""The CPU time of every OpenTelemetry span: exact, exclusive, with no change to the application.

``opentelemetry-instrument python app.py`` finds the plugin by itself. By hand:

    from greencloud_otel import GreencloudInstrumentor

    GreencloudInstrumentor().instrument()
"""

from greencloud_otel._caller import set_caller_account
from greencloud_otel._check import Check, check
from greencloud_otel._detector import GreencloudResourceDetector
from greencloud_otel._instrumentor import GreencloudInstrumentor
from greencloud_otel._version import __version__

__all__ = ["Check", "GreencloudInstrumentor", "GreencloudResourceDetector", "__version__", "check", "set_caller_account"]
