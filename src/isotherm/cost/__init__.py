"""Dollars: the price book, and what a part, a move, a restore and a scan cost. Pure."""
