from __future__ import annotations

import pytest
import torch
from torch import nn

from neuronsig_ray.model.bfloat16 import PackedLinear, pack_linear_maps

pytestmark = pytest.mark.skipif(
    not torch.ops.mkldnn._is_mkldnn_bf16_supported(), reason="this CPU does not multiply bfloat16 in oneDNN"
)


@torch.inference_mode()
@pytest.mark.parametrize("bias", [True, False])
def test_packed_maps_give_the_bits_of_plain_ones_for_any_number_of_rows(bias: bool) -> None:
    torch.manual_seed(0)
    plain = nn.Linear(96, 160, bias=bias).to(torch.bfloat16)
    packed = nn.Sequential(nn.Linear(96, 160, bias=bias).to(torch.bfloat16))
    packed[0].load_state_dict(plain.state_dict())
    pack_linear_maps(packed)
    assert type(packed[0]) is PackedLinear
    for shape in ((1, 1, 96), (3, 7, 96), (41, 26, 96), (4096, 96)):
        x = torch.randn(*shape, dtype=torch.bfloat16)
        assert torch.equal(packed(x), plain(x))


def test_maps_of_float32_and_maps_of_other_kinds_stay_plain() -> None:
    class Scaled(nn.Linear):
        pass

    model = nn.Sequential(nn.Linear(8, 8), Scaled(8, 8, dtype=torch.bfloat16))
    with torch.inference_mode():
        pack_linear_maps(model)
    assert [type(module) for module in model] == [nn.Linear, Scaled]
