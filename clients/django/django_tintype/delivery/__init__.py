"""URLs of variants and originals, and the size of every variant: pure functions without any I/O."""
