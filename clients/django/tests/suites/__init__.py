"""Tests of other projects, run against tintype: see run.py."""
