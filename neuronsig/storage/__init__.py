"""Where a run's files are, and how they are read and written: the same for a local disk and for a store.

address      what a place may be called: half a URI is mended or refused
location     a path or URI as a path object; names that another process can open
hdfs         HDFS's client and paths, imported where one is named
reach        whether a store answers at all
files        read, list, measure, delete, copy to this machine
whole_files  written whole or not at all
parquet      Parquet files and tables of them
"""
