"""Isotherm's own tables, as functions over a transaction of the warehouse."""
