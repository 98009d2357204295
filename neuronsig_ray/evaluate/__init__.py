"""Signatures judged, carried over Ray.

evaluation  held-out sentences scored, and signatures judged on them
stability   signatures of both halves of the corpus compared
"""
