"""What was handed in: collected from folders and platforms, read, rebuilt on the release, made safe to show."""
