"""Views of the customer."""

from greencloud.page.view import View

__all__ = ["VIEWS"]

VIEWS: tuple[View, ...] = ()
