"""What a student's cells say, and where each of them belongs: strangers' text, read in a process that may be stopped."""
