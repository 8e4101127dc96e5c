"""The demo: generated trips, the story that is played with them, and the picture at its end."""
