"""A model's folder: what it must hold, and what identifies its tokenizer and weights; no weights are loaded.

folder      where it is, its config.json, what stands where a file should be
weights     the safetensors: whether they are all there, whole, and of numbers that can be read
tokenizer   the fast tokenizer, with all that determines its output
"""

from neuronsig.checkpoint.folder import SHIPPED as SHIPPED
from neuronsig.checkpoint.folder import TOKENIZER_FILES as TOKENIZER_FILES
from neuronsig.checkpoint.folder import WEIGHT_FILES as WEIGHT_FILES
from neuronsig.checkpoint.folder import model_folder as model_folder
from neuronsig.checkpoint.folder import read_config as read_config
from neuronsig.checkpoint.folder import read_json as read_json
from neuronsig.checkpoint.folder import require_themselves as require_themselves
from neuronsig.checkpoint.folder import resolve_model_path as resolve_model_path
from neuronsig.checkpoint.tokenizer import TokenizerSpec as TokenizerSpec
from neuronsig.checkpoint.tokenizer import load_tokenizer as load_tokenizer
from neuronsig.checkpoint.tokenizer import open_tokenizer as open_tokenizer
from neuronsig.checkpoint.tokenizer import refused as refused
from neuronsig.checkpoint.tokenizer import tokenizer_of as tokenizer_of
from neuronsig.checkpoint.weights import model_config as model_config
from neuronsig.checkpoint.weights import stored_tensors as stored_tensors
from neuronsig.checkpoint.weights import weights_fingerprint as weights_fingerprint
