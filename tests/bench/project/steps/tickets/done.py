"""Of every ticket that has gone all the way since the last reset: milliseconds from its receipt."""

delays_ms = []
