"""Views of the customer: what an account emitted, from what, how sure that is, and the way down to meters and factors."""

from typing import Final

from greencloud.page.customer import (
    compare,
    dimension,
    explain,
    export,
    hours,
    operation,
    overview,
    quality,
    restatements,
    rules,
    service,
    statements,
    trace,
)
from greencloud.page.view import View

__all__ = ["VIEWS"]

VIEWS: Final[tuple[View, ...]] = (
    View("/", "overview", overview.show),
    View("/service", "service", service.show, menu=False),
    View("/operation", "operation", operation.show, menu=False),
    View("/trace", "trace", trace.show, menu=False),
    View("/by", "by", dimension.show),
    View("/hours", "hours", hours.show),
    View("/compare", "compare", compare.show),
    View("/rules", "rules", rules.show),
    View("/quality", "quality", quality.show),
    View("/restatements", "restatements", restatements.show),
    View("/statements", "statements", statements.show),
    View("/statement", "statement", statements.statement, menu=False),
    View("/export", "export", export.show),
    View("/explain", "explain", explain.show),
)
