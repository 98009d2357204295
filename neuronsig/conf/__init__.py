"""Hydra's groups and presets: YAML files that `neuronsig.config.compose` reads."""
