"""The models of the tests of storage and commands."""
