"""Iceberg tables: branch, register, pin, heal, expire."""
