"""Several devices, several machines, and where their output goes."""
