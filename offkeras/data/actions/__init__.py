"""Videos of actions: class folders, official splits, prepared shards."""
