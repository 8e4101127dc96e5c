"""Estimate what rows take on the other side: as objects, or in the warehouse."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from ..model.part import Inventory

COLD_RATIO = 0.7
"""Bytes of zstd Parquet for a byte of DuckDB's own blocks, which are compressed too.

0.54 and 0.69 were measured on two years of New York trips, 1.15 on columns of random numbers.
"""
OBJECT_BYTES = 3_000
"""What a Parquet object takes beside its rows: 2,704 bytes at 18 columns, 2,962 at 20."""


@dataclass(frozen=True)
class Sizes:
    """How much the rows of one dataset take.

    Attributes:
        hot: Bytes a row in the warehouse; None where no rows are hot.
        cold: Bytes a row as objects, by the number of digits of an object's rows: small objects
            take far more a row than large ones.

    """

    hot: float | None
    cold: Mapping[int, float]

    @classmethod
    def of(cls, inventory: Inventory) -> Sizes:
        """Learn from what is there of a dataset."""
        rows: dict[int, int] = defaultdict(int)
        bytes_: dict[int, int] = defaultdict(int)
        for part in inventory.parts:
            rows[_digits(part.rows)] += part.rows
            bytes_[_digits(part.rows)] += part.bytes
        return cls.by_digits(inventory, {n: (rows[n], bytes_[n]) for n in rows})

    @classmethod
    def by_digits(cls, inventory: Inventory, totals: Mapping[int, tuple[int, int]]) -> Sizes:
        """Learn from the hot rows of an inventory, and from what all objects are together.

        Args:
            totals: The rows and bytes of all objects, by the number of digits of an object's rows.

        """
        hot_rows = sum(item.rows for item in inventory.hot)
        hot_bytes = sum(item.bytes for item in inventory.hot)
        cold = {digits: bytes_ / rows for digits, (rows, bytes_) in totals.items() if rows}
        return cls(hot_bytes / hot_rows if hot_bytes else None, cold)

    def as_object(self, rows: int, hot_bytes: int) -> int:
        """Estimate the bytes of one object that holds rows of the warehouse."""
        own = self.cold.get(_digits(rows))
        if own is not None:
            return round(rows * own)
        return round(hot_bytes * COLD_RATIO) + OBJECT_BYTES

    def as_hot(self, rows: int, cold_bytes: int) -> int:
        """Estimate the bytes that rows of objects would take in the warehouse."""
        return round(rows * self.hot if self.hot is not None else cold_bytes / COLD_RATIO)


def _digits(rows: int) -> int:
    return len(str(rows))
