"""System checks, and what `tintype_check` asks the running service."""
