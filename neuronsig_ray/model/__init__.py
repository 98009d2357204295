"""The inspected model in inference, and where its activations are read.

inference     the model, and the activations of its sites
sites         where they are read, found by name
attention     attention of a CPU in bfloat16
packed        linear maps of a CPU in bfloat16
reinitialise  the same model with random blocks
"""
