"""What the bucket does by itself: lifecycle rules, and the tags that they match."""
