"""The tables' schemas, written once (design section 8); neuronsig.storage.parquet checks what it reads by them."""

import pyarrow as pa

from neuronsig.neuron import NEURON_COLUMNS

NEURON_KEY = list(zip(NEURON_COLUMNS, (pa.string(), pa.int16(), pa.int32(), pa.int8()), strict=True))
"""The neuron that a row is about; tables are sorted by these columns first."""

METADATA = pa.map_(pa.string(), pa.list_(pa.string()))

SENTENCES = pa.schema(
    [
        ("sentence_id", pa.int64()),
        ("domain", pa.string()),
        ("doc_id", pa.string()),
        ("position", pa.int32()),
        ("text", pa.string()),
        ("tokens", pa.list_(pa.string())),
        ("pos", pa.list_(pa.string())),
        ("heads", pa.list_(pa.int32())),
        ("metadata", METADATA),
    ]
)

TOKENIZED = pa.schema([("sentence_id", pa.int64()), ("input_ids", pa.list_(pa.int32()))])

TOPK = pa.schema([*NEURON_KEY, ("rank", pa.int32()), ("score", pa.float32()), ("sentence_id", pa.int64())])


# f1 of n1 units of the neuron have the pattern, f2 of n2 of the reference: sentences, tokens for kind `pos`. `matched`
# is the reference's share standardised to the neuron's lengths (mining.matched_reference), which log_ratio, lrc, g2
# and q are against; q the false-discovery rate over all neurons and patterns of the kind; explained_by a pattern that
# this one says again (neuronsig.mining.redundancy), null: none. `rank` is the place by LRC among all its patterns
# of the kind.
SIGNATURES = pa.schema(
    [
        *NEURON_KEY,
        ("kind", pa.string()),
        ("pattern", pa.list_(pa.string())),
        ("f1", pa.int64()),
        ("n1", pa.int64()),
        ("f2", pa.int64()),
        ("n2", pa.int64()),
        ("matched", pa.float64()),
        ("log_ratio", pa.float64()),
        ("lrc", pa.float64()),
        ("g2", pa.float64()),
        ("q", pa.float64()),
        ("rank", pa.int32()),
        ("explained_by", pa.list_(pa.string())),
    ]
)

# What of a sentence predicts that it is in a neuron's list (neuronsig describe): rows in the order in which they are
# told. A statement is of one kind (neuronsig.statements.families), or several joined by `operation`: or, and, but_not
# (the first without the second), either (one of both, not both); kinds[i] and patterns[i] are its parts. f1 of the n1
# sentences of the list that were fitted have it, f2 of n2 outside. Weights are natural log odds in three models: of the
# statements that are told, of the first hundred, of all; null where the statement is not in the model.
STATEMENTS = pa.schema(
    [
        *NEURON_KEY,
        ("rank", pa.int32()),
        ("operation", pa.string()),
        ("kinds", pa.list_(pa.string())),
        ("patterns", pa.list_(pa.list_(pa.string()))),
        ("f1", pa.int64()),
        ("n1", pa.int64()),
        ("f2", pa.int64()),
        ("n2", pa.int64()),
        ("log_odds", pa.float64()),  # log2 of the odds ratio
        ("log_odds_limit", pa.float64()),  # its 99 % limit that is nearer to 0; 0 where the limits hold both signs
        ("bits", pa.float64()),  # that it adds to what is told before it, of the one bit that membership is; told ones
        ("covered", pa.float64()),  # share of the list that it and those before it hold of; told ones
        ("told", pa.float64()),
        ("hundred", pa.float64()),
        ("whole", pa.float64()),
    ]
)

_MEAN = ("low", "high", "reference", "effect")  # of a mean: 95 % interval, the reference's mean, Hedges' g
_SHARE = ("share", "reference", "log_ratio", "low", "high")  # the reference is matched; interval of the log ratio

# What mining knows of a neuron; the clustering job adds the fields of NEURONS and keeps these. Constant neurons
# (neuronsig.constant_units), whose lists stand in TOPK as all others', have no row here nor in any table below.
PROFILES = pa.schema(
    [
        *NEURON_KEY,
        ("n_sentences", pa.int64()),
        ("n_tokens", pa.int64()),
        ("length_mean", pa.float64()),
        ("length_sd", pa.float64()),
        *((f"length_{part}", pa.float64()) for part in _MEAN),
        *((f"{name}_{part}", pa.float64()) for name in ("position", "relative_position") for part in ("mean", *_MEAN)),
        *((f"{name}_{part}", pa.float64()) for name in ("noun", "verb", "adj") for part in _SHARE),
        ("selectivity", pa.float64()),
        ("lead_item", pa.string()),
        ("lead_bits", pa.float64()),
        ("metadata_profile", pa.map_(pa.string(), pa.map_(pa.string(), pa.int64()))),
        ("mined", pa.bool_()),
    ]
)

# What a neuron's sentences fall into, largest first (neuronsig cluster): one entry where it answers to one thing.
# `share` is of the sentences looked at; a word's shares are of the facet's sentences, of the neuron's others (null in
# an only facet) and of a sample of the corpus, `lrc` the lower of its confidence limits against the two. `told` are the
# statements that predict the facet among the neuron's sentences, the strongest first, with the share of its sentences
# and of the others that each holds of; none of an only facet.
_FACET_WORD = pa.struct(
    [("word", pa.string()), *((name, pa.float64()) for name in ("share", "others", "corpus", "lrc"))]
)
_FACET_STATEMENT = pa.struct([("statement", pa.string()), ("share", pa.float64()), ("others", pa.float64())])
FACETS = pa.list_(
    pa.struct(
        [
            ("sentences", pa.int64()),
            ("share", pa.float64()),
            ("typical_sentence_id", pa.int64()),
            ("words", pa.list_(_FACET_WORD)),
            ("told", pa.list_(_FACET_STATEMENT)),
        ]
    )
)

NEURONS = pa.schema(
    [
        *PROFILES,
        ("typical_sentence_id", pa.int64()),
        ("facets", FACETS),
        ("silhouette", pa.float64()),  # of the best split into two or more; null: too few sentences
        ("vector", pa.list_(pa.float32())),
        ("cluster", pa.int32()),
        ("tsne", pa.list_(pa.float32())),
    ]
)

# How well a signature tells which sentences, of documents that mining has not seen, activate its neuron (neuronsig
# evaluate). AP is average precision: what a coin reaches is `chance`, the share of positives; AUROC's chance is one
# half. Signature and baselines are fitted on mined text alone (neuronsig.evaluation.baselines).
EVALUATION = pa.schema(
    [
        *NEURON_KEY,
        ("sentences", pa.int32()),  # held-out sentences that were scored
        ("positives", pa.int32()),  # of them the neuron's top fraction
        ("threshold", pa.float32()),  # the lowest activation of a positive
        ("patterns", pa.int32()),  # statements of the signature
        ("told", pa.int32()),  # those of them that are told
        ("chance", pa.float64()),  # positives / sentences
        ("ap", pa.float64()),  # of the whole signature
        ("ap_low", pa.float64()),  # 95 % limits (neuronsig.evaluation.intervals)
        ("ap_high", pa.float64()),
        ("auroc", pa.float64()),
        ("auroc_low", pa.float64()),
        ("auroc_high", pa.float64()),
        ("told_ap", pa.float64()),  # of the statements that are told
        ("told_low", pa.float64()),
        ("told_high", pa.float64()),
        ("hundred_ap", pa.float64()),  # of its first hundred statements
        ("length_ap", pa.float64()),  # of the length alone
        ("words_ap", pa.float64()),  # of words and length
        ("bayes_ap", pa.float64()),  # of naive Bayes over all words
        ("ceiling_ap", pa.float64()),  # of words, pairs of words, tags, shapes and length
        ("of_ceiling", pa.float64()),  # ap / ceiling_ap
        ("random_ap", pa.float64()),  # of another neuron's signature, of the same layer and sign, drawn by seed
        ("random_unit", pa.int32()),  # that neuron's unit; null where the block has no other
        ("over_words", pa.float64()),  # ap - words_ap
        ("over_words_low", pa.float64()),  # its lower 95 % limit (paired: the same sentences)
        ("over_bayes", pa.float64()),
        ("over_bayes_low", pa.float64()),
        ("over_random", pa.float64()),
        ("over_random_low", pa.float64()),
        ("correlation", pa.float64()),  # Spearman's, of the signature's score with the activation, all sentences
        # Of the same sentences with their words shuffled (neuronsig.evaluation.word_order); null: no activation differs
        ("contextuality", pa.float64()),  # 1 - Spearman's correlation of their activations with those as they are
        ("kept_shuffled", pa.float64()),  # share of the positives that are among as many best ones of the shuffled
        ("beats_chance", pa.bool_()),  # ap_low > chance
        ("told_beats_chance", pa.bool_()),  # told_low > chance
        ("beats_words", pa.bool_()),  # over_words_low > 0
        ("beats_bayes", pa.bool_()),
        ("beats_random", pa.bool_()),
        ("curve", pa.map_(pa.int32(), pa.float64())),  # AP of the first statements, by their number; -1: of all
        ("kind_gain", pa.map_(pa.string(), pa.float64())),  # AP that a kind adds to the signature's words and length
        ("kind_gain_low", pa.map_(pa.string(), pa.float64())),  # its lower 95 % limit (paired)
    ]
)

# Where in a neuron's top sentences its activation sits (neuronsig triggers): one row a neuron and sentence.
TRIGGERS = pa.schema(
    [
        *NEURON_KEY,
        ("rank", pa.int32()),  # of the sentence in the neuron's list
        ("sentence_id", pa.int64()),
        ("activations", pa.list_(pa.float32())),  # one a word of `tokens`, times sign; NaN: no token of the model
        ("special", pa.float32()),  # the highest of the pooled special tokens, times sign; null where none is pooled
        ("trigger", pa.int32()),  # the word with the highest activation, from 0; -1: no word has a token
        ("on_special", pa.bool_()),  # whether a pooled special token is higher than every word
        ("concentration", pa.float32()),  # share of the tokens' activation above the baseline on the strongest token
        ("covered", pa.bool_()),  # whether a pattern of the signature holds the trigger
        ("kind", pa.string()),  # of the strongest such pattern, else of the nearest one; null: none is in the sentence
        ("pattern", pa.list_(pa.string())),
        ("offset", pa.int32()),  # words from the trigger to the pattern's nearest word: below 0 before, 0: covered
    ]
)

# What the triggers of a neuron's top sentences have in common: one row a neuron (neuronsig triggers).
DETECTORS = pa.schema(
    [
        *NEURON_KEY,
        ("sentences", pa.int32()),  # top sentences looked at
        ("baseline", pa.float32()),  # mean activation, times sign, of the pooled tokens of all sentences looked at
        ("detector", pa.string()),  # token, tag, context, diffuse or special: see neuronsig.triggers.detectors
        ("word", pa.string()),  # the most common trigger, lower-cased
        ("word_share", pa.float64()),  # of the sentences whose trigger it is
        ("tag", pa.string()),  # the most common part of speech of the trigger
        ("tag_share", pa.float64()),
        ("special_share", pa.float64()),  # of the sentences whose strongest token is a special one
        ("concentration", pa.float64()),  # mean over the sentences
        ("covered_share", pa.float64()),  # of the sentences whose trigger a pattern of the signature holds
        ("words_covered", pa.float64()),  # share of a sentence's words that some pattern holds, mean: covered by chance
        ("near_offset", pa.float64()),  # median distance, in words, of trigger and pattern where it is not covered
    ]
)
