"""Write a model whose weights are random but for the word embeddings: the null model of P1 4.1.

What is found in its neurons is what the method finds in any network over these words: signatures of a trained model
mean something where they are better than these. Reads the model; writes a folder that every job takes as a model, by
default RUN/models/<name>-reinitialised, with config and tokenizer. Any Hugging Face model will do; seeds differ.

Example:  neuronsig reinitialise run=runs/demo model=minilm reinitialise.seed=0

The whole method on it, in the same run, with the same text and tokens, after the trained model's:

    NULL="run=runs/demo model=local model.name=minilm-null model.path=runs/demo/models/minilm-reinitialised"
    neuronsig collect  $NULL
    neuronsig mine     $NULL
    neuronsig describe $NULL
    neuronsig evaluate $NULL      compare with neuronsig evaluate run=runs/demo model=minilm
    neuronsig triggers $NULL

Give neuronsig collect and neuronsig mine the settings that the trained model had (collect.k, collect.signs, mining.*).
"""

from neuronsig.checkpoint import model_config
from neuronsig.config import Config
from neuronsig.progress import task
from neuronsig_jobs.launch import Summary
from neuronsig_jobs.model_output import model_output, require_writable, tokenizer_source
from neuronsig_ray.model.reinitialise import reinitialise


def run(config: Config) -> Summary:
    """Write the model; what stands in its folder is replaced only with `overwrite`, and only if it is such a model."""
    source, _ = model_config(config.model)
    target = model_output(config, "reinitialise", config.reinitialise.output, "reinitialised")
    require_writable(target, source, "reinitialise.output", config.overwrite, "reinitialised")
    with task("drawing weights", 1, "models") as bar:
        counts = reinitialise(source, tokenizer_source(config.model, source), target, config.reinitialise.seed)
        bar.advance()
    return {**counts, "seed": config.reinitialise.seed, "model.path": str(target)}
