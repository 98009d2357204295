"""Fine-tuning of the inspected model on documents that a run leaves out.

reading      those documents from their corpora, as tasks
classifier   the model with a linear layer on top, and how it is saved as a model that every job takes
training     the loop of one worker: its part of every batch, checkpoints, what is reported
trainer      Ray Train around it: workers, checkpoints found again after a kill, progress
"""
