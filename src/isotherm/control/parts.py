"""Parts: which rows lie in which object."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from ..engine.base import Row
from ..model.part import Hashed, Location, Part
from ..model.period import Period
from ..model.tier import TIERS
from ..warehouse.base import Transaction

_COLUMNS = (
    "id, dataset, period, tier, place, key, rows, bytes, sha256, created_at, "
    "restored_place, restored_key, restored_until, hashed"
)


def of_dataset(tx: Transaction, dataset: str) -> tuple[Part, ...]:
    """Return every part of a dataset, by period."""
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM isotherm.parts WHERE dataset = ? ORDER BY period, id", [dataset]
    )
    return tuple(_part(row) for row in rows)


def places(tx: Transaction) -> frozenset[str]:
    """Return the tiers of the store in which objects are kept."""
    rows = tx.execute(
        "SELECT place FROM isotherm.parts UNION SELECT restored_place FROM isotherm.parts "
        "WHERE restored_place IS NOT NULL"
    )
    return frozenset(row[0] for row in rows)


def of_periods(tx: Transaction, dataset: str, periods: Iterable[Period]) -> tuple[Part, ...]:
    """Return every part of some periods of a dataset, by period."""
    rows = tx.execute(
        f"SELECT {_COLUMNS} FROM isotherm.parts WHERE dataset = ? AND list_contains(?, period) "
        "ORDER BY period, id",
        [dataset, [str(period) for period in periods]],
    )
    return tuple(_part(row) for row in rows)


def due(
    tx: Transaction,
    stretches: Mapping[str, Iterable[tuple[str, str, str]]],
    asked: Iterable[tuple[str, Period]],
    compacts: Mapping[str, tuple[int, int]],
) -> dict[str, tuple[Part, ...]]:
    """Return every part of those periods with which something may be due, by dataset.

    That is where a part lies in another tier than its period belongs in, or is restored, where
    there are many small ones, and what was asked for.

    Args:
        stretches: Where the periods of each dataset belong; see `plan.due.stretches`.
        asked: Datasets and periods that are returned in any case.
        compacts: How small objects are, in bytes, of which a dataset shall not have how many of
            one period and readable tier.

    """
    found: dict[str, list[Part]] = defaultdict(list)
    given = (
        [[name, *stretch] for name, each in stretches.items() for stretch in each],
        [[name, str(period)] for name, period in asked],
        [[name, str(size), str(many)] for name, (size, many) in compacts.items()],
    )
    for row in tx.execute(_DUE, [json.dumps(items) for items in given]):
        found[row[1]].append(_part(row))
    return {name: tuple(group) for name, group in found.items()}


_ARCHIVES = ", ".join(f"'{tier.name}'" for tier in TIERS.values() if tier.archived)
_DUE = f"""
WITH belongs AS (
    SELECT g[1] AS dataset, g[2] AS after, g[3] AS until, g[4] AS tier
    FROM (SELECT unnest(from_json(?, '[["VARCHAR"]]')) AS g)
), asked AS (
    SELECT g[1] AS dataset, g[2] AS period FROM (SELECT unnest(from_json(?, '[["VARCHAR"]]')) AS g)
), compacts AS (
    SELECT g[1] AS dataset, g[2]::BIGINT AS small, g[3]::BIGINT AS many
    FROM (SELECT unnest(from_json(?, '[["VARCHAR"]]')) AS g)
), wanted AS (
    SELECT p.dataset, p.period FROM isotherm.parts p JOIN belongs b
    ON p.dataset = b.dataset AND p.period > b.after AND p.period <= b.until
    WHERE p.tier <> b.tier OR p.restored_key IS NOT NULL
    UNION SELECT dataset, period FROM asked
    UNION SELECT p.dataset, p.period FROM isotherm.parts p JOIN compacts c
    ON p.dataset = c.dataset AND p.bytes < c.small AND p.tier NOT IN ({_ARCHIVES})
    GROUP BY p.dataset, p.period, p.tier HAVING count(*) >= any_value(c.many)
)
SELECT {_COLUMNS} FROM isotherm.parts SEMI JOIN wanted USING (dataset, period)
ORDER BY dataset, period, id
"""


def totals(tx: Transaction) -> dict[str, dict[int, tuple[int, int]]]:
    """Return the rows and bytes of all objects, by dataset and the digits of an object's rows."""
    found: dict[str, dict[int, tuple[int, int]]] = defaultdict(dict)
    for name, digits, rows, bytes_ in tx.execute(
        "SELECT dataset, length(rows::VARCHAR), sum(rows)::BIGINT, sum(bytes)::BIGINT "
        "FROM isotherm.parts GROUP BY ALL"
    ):
        found[name][digits] = (rows, bytes_)
    return found


def add(tx: Transaction, parts: Iterable[Part]) -> None:
    """Record parts that this transaction's commit makes visible."""
    for part in parts:
        restored = part.restored
        tx.execute(
            f"INSERT INTO isotherm.parts ({_COLUMNS}) VALUES ({', '.join('?' * 14)})",
            [
                part.id,
                part.dataset,
                str(part.period),
                part.tier.name,
                part.location.tier,
                part.location.key,
                part.rows,
                part.bytes,
                part.sha256,
                part.created_at,
                restored.tier if restored else None,
                restored.key if restored else None,
                part.restored_until,
                str(part.hashed) if part.hashed else None,
            ],
        )


def remove(tx: Transaction, ids: Sequence[str]) -> None:
    """Forget parts that this transaction's commit replaces."""
    for id_ in ids:
        tx.execute("DELETE FROM isotherm.parts WHERE id = ?", [id_])


def _part(row: Row) -> Part:
    restored = Location(row[10], row[11]) if row[10] else None
    return Part(
        id=row[0],
        dataset=row[1],
        period=Period.parse(row[2]),
        tier=TIERS[row[3]],
        location=Location(row[4], row[5]),
        rows=row[6],
        bytes=row[7],
        sha256=row[8],
        created_at=row[9],
        restored=restored,
        restored_until=row[12],
        hashed=Hashed.parse(row[13]) if row[13] else None,
    )
