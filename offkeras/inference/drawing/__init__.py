"""Pictures of what models see and answer."""
