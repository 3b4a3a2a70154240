"""Models for the tests of storage and commands."""
