"""Tables, JSON and pictures of a build: memory over time, operators, comparison with other planners."""
