"""One thin entry point per arrow of the data flow, and `pipeline`, which runs them all."""
