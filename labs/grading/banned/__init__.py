"""What an answer may not use, seen while it runs; what is skipped; which lines a person should see."""
