"""How programs on real boards are reached: by a GDB server, by a serial line, by a command of the board's own."""
