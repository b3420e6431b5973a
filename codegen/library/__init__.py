"""The generated library: what is written, file by file."""
