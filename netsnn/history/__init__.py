"""The record of an evolving network on disk: snapshots that survive a crash, and what they say about links over time."""

from netsnn.history.history import History
from netsnn.history.lifetimes import Spells
from netsnn.history.snapshot import Snapshot

__all__ = ["History", "Snapshot", "Spells"]
