"""The inspected model in inference, and where its activations are read."""
