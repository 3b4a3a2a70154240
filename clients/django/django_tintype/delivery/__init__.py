"""URLs of variants and originals, and the size of every variant: pure functions that ask nobody."""
