"""Signatures judged on sentences that mining never saw, and their stability."""
