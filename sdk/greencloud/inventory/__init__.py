"""The yearly inventory: what the provider has booked, by year, scope and category."""

from greencloud.inventory.book import SCOPES, Entry, Inventory
from greencloud.inventory.reader import read_inventory

__all__ = ["SCOPES", "Entry", "Inventory", "read_inventory"]
