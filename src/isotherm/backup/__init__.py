"""Copies of control: the store's own, which every command renews, and files for safe keeping."""
