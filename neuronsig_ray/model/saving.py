"""A model written to a folder that every job takes as a model, with its tokenizer."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from neuronsig.checkpoint import TOKENIZER_FILES
from neuronsig.errors import MachineError
from neuronsig.storage.whole_files import written_folder


def save_model(model: Any, tokenizer: Path, target: Path, key: str, more: Callable[[Path], object] = bool) -> None:
    """Write a model, the tokenizer of the folder `tokenizer`, and what `more` puts into the new folder.

    Raises MachineError, which names `key`, when the folder cannot be written.
    """
    try:
        with written_folder(target) as folder:
            model.save_pretrained(folder)
            for pattern in TOKENIZER_FILES[1:]:
                for file in tokenizer.glob(pattern):
                    shutil.copyfile(file, folder / file.name)
            more(folder)
            for file in folder.iterdir():
                file.chmod(0o644)  # safetensors are written for their owner alone
    except OSError as error:
        raise MachineError(f"{key}={target} cannot be written ({error}); choose another") from None
