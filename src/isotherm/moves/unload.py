"""Unload and append: rows leave the warehouse for new objects."""

from __future__ import annotations

import json
from dataclasses import replace

from ..engine.sql import listed
from ..model.errors import ConflictError, VerifyError
from ..model.part import Digest, Location, Part
from ..model.period import Period
from ..model.tier import TIERS
from ..warehouse.base import Transaction
from .base import Act, Change, check_drift, selected


class Unload(Act):
    """Copies each period to one object; `append` does the same for late rows."""

    def locations(self, tx: Transaction) -> tuple[Location, ...]:
        """Return one new object a period."""
        tier = self.move.target.name
        return tuple(self.new_location(tier, period, 0) for period in self.move.periods)

    def copy(self, tx: Transaction) -> None:
        """Write the rows of each period, with Iceberg's field ids."""
        cold = self.cold(tx)
        catalog, name = self.ports.catalog, self.dataset.name
        url = self.ports.storage.metadata_url(name)
        catalog.create(name, self.ports.lake, cold, self.dataset.clock, self.dataset.unit, url)
        check_drift(self.dataset, catalog.columns(name), cold)
        catalog.evolve(name, cold, self.dataset.renamed)
        ids = catalog.field_ids(name)
        field_ids = {column.name: ids[column.name] for column in cold}
        parts = tuple(self._write(tx, period, field_ids) for period in self.move.periods)
        seen = () if self.move.target.archived else tuple(part.location for part in parts)
        self.change = Change(add=parts, register=seen)

    def verify(self, tx: Transaction) -> None:
        """Hash what was read from the warehouse and what is in each object."""
        columns = selected(self.cold(tx))
        moved, counted = Digest(0, 0, 0), []
        for part in self.change.add:
            hot = tx.session.digest(self.hot_rows(tx, [part.period]))
            url = self.ports.storage.url(part.location)
            cold = tx.session.digest(f"SELECT {columns} FROM {tx.session.parquet([url])}")
            if hot != cold:
                raise VerifyError(
                    f"object {part.location} does not equal the rows of {part.period} in "
                    f"{self.dataset.table}: {cold.rows} rows against {hot.rows}, or other values",
                    hint="Nothing was deleted. Run the same command again; if it fails again, "
                    "the store or a column's type loses values.",
                )
            moved += hot
            counted.append(replace(part, rows=hot.rows))
        self.moved = moved
        self.change = replace(self.change, add=tuple(counted))

    def delete(self, tx: Transaction) -> None:
        """Delete what was copied."""
        gone = tx.delete(self.dataset.table, self.condition(tx))
        if gone != self.moved.rows:
            raise ConflictError(
                f"{gone} rows of {self.move.span} would be deleted, {self.moved.rows} were copied",
                hint="Nothing was deleted. Run the same command again.",
            )

    def _write(self, tx: Transaction, period: Period, field_ids: dict[str, int]) -> Part:
        tier = self.move.target
        location = self.new_location(tier.name, period, 0)
        select = self.hot_rows(tx, [period])
        if self.dataset.order_by:
            select += f" ORDER BY {listed(self.dataset.order_by)}"
        notes = {
            "lake": self.ports.lake,
            "dataset": self.dataset.name,
            "period": str(period),
            "move": self.id,
        }
        path = self.ports.storage.stage(location)
        tx.session.copy(select, path, field_ids, {"isotherm": json.dumps(notes)})
        stored = self.ports.storage.publish(location)
        return Part(
            id=f"{self.id}-{period}",
            dataset=self.dataset.name,
            period=period,
            tier=TIERS[tier.name],
            location=location,
            rows=0,
            bytes=stored.bytes,
            sha256=stored.sha256,
            created_at=self.ports.clock(),
        )
