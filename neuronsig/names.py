"""Names of tags and signs, as a reader knows them (tags: Penn Treebank)."""

TAGS = {
    "CD": "numbers", "NNP": "proper names", "NNPS": "proper names", "NNS": "plural nouns", "UH": "interjections",
    "MD": "modal verbs", "VB": "base-form verbs", "VBD": "past-tense verbs", "VBG": "-ing forms", "VBN": "participles",
    "PRP": "personal pronouns", "PRP$": "possessive pronouns", "RB": "adverbs", "WRB": "wh-adverbs",
    "WP": "wh-pronouns", "JJR": "comparatives", "JJS": "superlatives", "EX": "existential there",
    "POS": "possessive endings", "FW": "foreign words", "SYM": "symbols", "LS": "list markers", "ADD": "addresses",
    "AFX": "affixes", "HYPH": "hyphens", "-LRB-": "brackets", "-RRB-": "brackets", "``": "quotation marks",
    "''": "quotation marks", ":": "colons and dashes", "$": "currency signs",
}  # fmt: skip

ONE = {
    "CC": "conjunction", "CD": "number", "DT": "determiner", "IN": "preposition", "JJ": "adjective",
    "MD": "modal verb", "NN": "noun", "NNS": "plural noun", "NNP": "name", "NNPS": "name", "PRP": "pronoun",
    "PRP$": "possessive", "RB": "adverb", "TO": "to", "UH": "interjection", "VB": "base verb", "VBD": "past verb",
    "VBG": "-ing form", "VBN": "participle", "VBP": "present verb", "VBZ": "-s verb", "WP": "wh-pronoun",
    "WRB": "wh-adverb", "WDT": "wh-determiner",
}  # fmt: skip
"""One word of a tag, for patterns; other tags stand for themselves."""

OTHERS = {
    ".": "sentence-ending mark", ",": "comma", ":": "colon or dash", "-LRB-": "opening bracket",
    "-RRB-": "closing bracket", "``": "opening quotation mark", "''": "closing quotation mark", "HYPH": "hyphen",
    "NFP": "ornamental mark", "$": "currency sign", "SYM": "symbol", "ADD": "web address", "LS": "list marker",
    "FW": "foreign word", "AFX": "affix", "JJR": "comparative", "JJS": "superlative", "RBR": "comparative adverb",
    "RBS": "superlative adverb", "RP": "particle", "EX": "existential there", "PDT": "predeterminer",
    "POS": "possessive ending", "WP$": "possessive wh-word",
}  # fmt: skip
"""The same of tags that are rarely asked for by themselves: marks, and classes of few words."""
