"""C text: literals, identifiers, constants, and the files of the runtime."""
