"""Figures: functions from Arrow tables and numpy arrays to matplotlib Figures, in one style, with no engine."""
