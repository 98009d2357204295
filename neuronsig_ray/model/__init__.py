"""The inspected model in inference, and where its activations are read.

inference     the model, and the activations of its sites
loading       its weights, and whether they are all there
sites         where they are read, found by name
bfloat16      linear maps and attention of a CPU in bfloat16
reinitialise  the same model with random blocks
"""
