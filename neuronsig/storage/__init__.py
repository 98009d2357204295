"""Where a run's files are, and how they are read and written: the same for a local disk and for a store.

location     a path or URI as a path object; names that another process can open
files        read, list, measure, move, delete, copy to this machine
whole_files  written whole or not at all
parquet      Parquet files and tables of them
"""
