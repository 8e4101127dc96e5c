"""Sessions that compute: extensions, scan, copy, hash."""
