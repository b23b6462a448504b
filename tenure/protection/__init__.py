"""Personal data: the vault, its keys, erasure, retention, backup."""
