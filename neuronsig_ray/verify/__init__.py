"""A finished collection checked and scored again."""
