"""What an answer may not use: words, objects, texts."""
