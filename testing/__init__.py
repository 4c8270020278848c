"""Models, packages and checks that the tests and the benchmarks share; it imports neither."""
