"""What becomes of text before and while it is annotated, with no engine.

sentences         which sentences are kept, and in what form (P1 4.1)
paragraphs        documents to paragraphs, and what is found in these judged
near_duplicates   texts alike to an earlier one
treebank          treebanks and perceptrons, for training the annotators that ship with the package
"""
