"""What becomes of text before and while it is annotated, with no engine.

sentences         documents to paragraphs; which of the sentences found in these are kept, and in what form (P1 4.1)
near_duplicates   texts alike to an earlier one
treebank          treebanks and perceptrons, for training the annotators that ship with the package
parser            heads of words, by the weights of the parser that ships
arc_hybrid        its tagger and its transitions, compiled
hashed_features   averaged perceptrons whose features are hashes, compiled
"""
