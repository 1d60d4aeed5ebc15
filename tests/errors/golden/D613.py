# Without PyTorch: what the adapter would say of a tensor beside a traced array.
from declarative.errors import diagnostic
from declarative.layer.values import WORDS

found = [diagnostic("D613", None, name="y", first="X", found=WORDS["jax"], expected=WORDS["torch"])]
