"""A run directory, and how work on it is done once, resumed, extended and watched.

layout        where everything of a run lies
directory     a run: its stages entered, and finished ones read
record        its run.json, which says how each of its tables was made
plan          what a stage's output is determined by: fingerprints, versions, differences, growth by appended text
rules         whether a stage was made by the rules of today, and what has changed
commands      the command that makes a stage again
stages        the registry of jobs and their stages: inputs, tables, config sections, order, changes of rules
appending     which stages may grow, and what must be the same
exclusive     one process at a time
interruption  what Ctrl-C and SIGTERM do
commits       a file and then its marker: the unit of work is done or it is not
preflight     whether the workers of a cluster can do a job, asked before it starts
heartbeat     how far a worker is within one unit of work
"""
