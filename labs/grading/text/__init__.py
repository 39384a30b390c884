"""A lab before it is handed out: its source, the release, the model answers, a student's copy."""
