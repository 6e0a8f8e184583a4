"""The machinery of a run, and what every task makes of it."""
