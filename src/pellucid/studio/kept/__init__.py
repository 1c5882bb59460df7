"""What the studio keeps: classifiers in memory, sessions and unit names on disk; and the pictures in them."""
