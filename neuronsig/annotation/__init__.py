"""What becomes of text before and while it is annotated, with no engine.

sentences         documents to paragraphs; which of the sentences found in these are kept, and in what form (P1 4.1)
near_duplicates   texts alike to an earlier one
treebank          treebanks and perceptrons, for training the annotators that ship with the package
"""
