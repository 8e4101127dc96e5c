"""Write dollars and sizes so that people can read them."""

from __future__ import annotations

import math


def money(dollars: float) -> str:
    """Write dollars: `$1,234.50`, and two digits of what is below one: `$0.0046`, `$0.00000041`.

    What is below a billionth of a dollar is nothing.
    """
    if abs(dollars) < 1e-9:
        return "$0"
    sign, amount = ("-" if dollars < 0 else ""), abs(dollars)
    places = 2 if amount >= 1 else max(2, 1 - math.floor(math.log10(amount)))
    return f"{sign}${amount:,.{places}f}"


def saving(dollars: float) -> str:
    """Write what is saved a month, or what more it costs: `saves $2.10 a month`."""
    if dollars < 0:
        return f"costs {money(-dollars)} a month more"
    return f"saves {money(dollars)} a month"


def size(bytes_: float) -> str:
    """Write a number of bytes: `712 B`, `40 KB`, `1.5 MB`; a KB is 1,024 bytes."""
    amount = float(bytes_)
    for unit in ("B", "KB", "MB", "GB"):
        if abs(amount) < 1023.95:  # what would be written as 1024 is one of the next unit
            return f"{amount:.1f}".removesuffix(".0") + f" {unit}"
        amount /= 1024
    return f"{amount:.1f}".removesuffix(".0") + " TB"


def months(number: float) -> str:
    """Write a number of months: `5.2 months`, `1 month`."""
    text = f"{number:,.1f}".removesuffix(".0")
    return f"{text} month" + ("" if text == "1" else "s")
