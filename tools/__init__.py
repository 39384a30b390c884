"""What `make` calls: the book's build, and nothing a reader imports."""
