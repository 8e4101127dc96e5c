"""The price book: what a storage class costs.

Amazon S3, us-east-1, as of 2026-11; source: the public price list of S3 and of Redshift.
Storage is billed by the GB of 2**30 bytes and month.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

GB = 2**30
KB = 2**10
AS_OF = date(2026, 11, 1)
REGION = "us-east-1"
SPECTRUM_PER_TB = 5.0
"""Dollars that Redshift Spectrum charges for a TB (2**40 bytes) scanned."""


@dataclass(frozen=True, slots=True)
class Retrieval:
    """One way of restoring archived objects.

    Attributes:
        hours: How long it takes at least and at most.

    """

    per_gb: float
    per_1k: float
    hours: tuple[float, float]


@dataclass(frozen=True, slots=True)
class ClassPrice:
    """Dollars of one storage class.

    Attributes:
        storage: A GB and month.
        put: A thousand objects written.
        get: A thousand objects read.
        transition: A thousand objects moved into the class.
        retrieval: A GB read, where the class is queryable.
        restore: The ways of restoring, cheapest first, where the class is archived.
        min_days: An object is billed for at least so long.
        min_bytes: An object is billed for at least so much.
        index_bytes: Billed beside each object, at the class's own price.
        name_bytes: Billed beside each object, at the price of STANDARD.
        watched: A thousand objects and month that are watched for reads.

    """

    storage: float
    put: float
    get: float
    transition: float = 0.0
    retrieval: float = 0.0
    restore: dict[str, Retrieval] = field(default_factory=dict)
    min_days: int = 0
    min_bytes: int = 0
    index_bytes: int = 0
    name_bytes: int = 0
    watched: float = 0.0

    @property
    def overhead_bytes(self) -> int:
        """What is billed beside each object, at whichever price."""
        return self.index_bytes + self.name_bytes


_SMALL = 128 * KB
BOOK: dict[str, ClassPrice] = {
    "STANDARD": ClassPrice(0.023, 0.005, 0.0004),
    # What nobody has read for 30 days costs as much as in STANDARD_IA, and aged rows are seldom
    # read; until then it is 0.023.
    "INTELLIGENT_TIERING": ClassPrice(0.0125, 0.005, 0.0004, transition=0.01, watched=0.0025),
    "STANDARD_IA": ClassPrice(0.0125, 0.01, 0.001, 0.01, 0.01, min_days=30, min_bytes=_SMALL),
    "ONEZONE_IA": ClassPrice(0.01, 0.01, 0.001, 0.01, 0.01, min_days=30, min_bytes=_SMALL),
    "GLACIER_IR": ClassPrice(0.004, 0.02, 0.01, 0.02, 0.03, min_days=90, min_bytes=_SMALL),
    "GLACIER": ClassPrice(
        0.0036,
        0.03,
        0.0004,
        0.03,
        restore={
            "Bulk": Retrieval(0.0, 0.0, (5, 12)),
            "Standard": Retrieval(0.01, 0.05, (3, 5)),
            "Expedited": Retrieval(0.03, 10.0, (1 / 60, 5 / 60)),
        },
        min_days=90,
        index_bytes=32 * KB,
        name_bytes=8 * KB,
    ),
    "DEEP_ARCHIVE": ClassPrice(
        0.00099,
        0.05,
        0.0004,
        0.05,
        restore={
            "Bulk": Retrieval(0.0025, 0.025, (48, 48)),
            "Standard": Retrieval(0.02, 0.10, (12, 12)),
        },
        min_days=180,
        index_bytes=32 * KB,
        name_bytes=8 * KB,
    ),
}


@dataclass(frozen=True, slots=True)
class PriceBook:
    """The prices that plans and reports are made with.

    Attributes:
        hot: Dollars a GB and month in the warehouse (Redshift RA3 managed storage).

    """

    hot: float = 0.024
    classes: dict[str, ClassPrice] = field(default_factory=lambda: BOOK)
