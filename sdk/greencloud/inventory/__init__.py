"""The yearly inventory: what the provider has booked, by year, scope and category."""

from greencloud.inventory.book import SCOPES, Entry, Inventory
from greencloud.inventory.books import Books
from greencloud.inventory.bridge_books import BridgeBooks
from greencloud.inventory.hardware import BookHardware
from greencloud.inventory.journal import Change, Draft, Folded, Journal
from greencloud.inventory.reader import read_inventory
from greencloud.inventory.store import InventoryBooks

__all__ = [
    "SCOPES",
    "BookHardware",
    "Books",
    "BridgeBooks",
    "Change",
    "Draft",
    "Entry",
    "Folded",
    "Inventory",
    "InventoryBooks",
    "Journal",
    "read_inventory",
]
