"""Where hot rows and control live, and the transactions over both."""
