"""The room that students' code runs in, and both ends of the line to it."""
