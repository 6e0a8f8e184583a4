"""What lies beside an exported model, and what it is tried on."""
