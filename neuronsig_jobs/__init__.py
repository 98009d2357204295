"""One thin entry point for each arrow of the data flow, and one that runs them all."""
