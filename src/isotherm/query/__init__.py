"""One SQL over hot, cold and restored rows; the guard before the archive."""
