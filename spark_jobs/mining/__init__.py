"""Mining (P1 3.2): from top-K lists and annotated sentences to profiles and signatures of neurons."""
