"""Spark Connect: queries run on another engine, over rows that Isotherm has chosen for it."""
