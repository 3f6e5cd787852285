"""Benchmarks: run by command, never by the test suite; they print figures and assert none."""
