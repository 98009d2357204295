"""What both engines share, with no engine in it; in the order of the data:

config       the configuration's schema, and its merge with the command line
run          a run directory: stages, plans, commits, growth
corpora      corpora in their native formats
annotation   what becomes of text before and while it is annotated
collection   every neuron's exact top-K sentences
readers      rows of a run's tables, of some neurons or sentences
encoding     sentences as integers
miners       frequent patterns, found, counted and marked, fast
mining       signatures: the patterns judged against the corpus
statements   what of a sentence predicts that it is in a neuron's list
analysis     neurons compared: vectors, clusters, facets, rankings
evaluation   how well signatures tell unseen sentences
triggers     where in a sentence an activation sits
signature    one neuron's signature, read and put into words
find         from a pattern to the neurons that respond
figures      pictures
report       the static site
storage      files of a disk or a store, and the tables in them

Beside them stand the registry of the kinds of patterns (kinds), what a run would cost (estimate), and what all of
these use: errors, neurons' names, units that are constant, names of tags, what is held out, hashes, schemas of tables,
lists as flat arrays (ragged), progress, checkpoints.
"""

__version__ = "0.1.0"
