"""Search the other way: from a pattern to the neurons that respond to it.

    query           the pattern as it is typed, read into items
    index           an SQLite file made once from a run's signatures, where it is not there
    search          the neurons of a query, ranked, and their number by layer
    index_location  which index belongs to a run and model, and where it is kept

Import the module you need: `query`, `search` and `index_location` start in milliseconds, because they import no table
reader.
"""
