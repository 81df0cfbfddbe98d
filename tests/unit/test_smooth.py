"""What a block smooths before its stride, and that no training changes it."""

import torch

from facing.models.backbones.compact import Block, Smooth


def test_smoothing_leaves_even_maps_and_takes_what_a_stride_skips():
    smooth = Smooth(2)
    even = torch.full((1, 2, 8, 8), 3.0)
    rows, columns = torch.meshgrid(torch.arange(8), torch.arange(8), indexing="ij")
    inside = (..., slice(1, -1), slice(1, -1))
    torch.testing.assert_close(smooth(even)[inside], even[inside])
    for stripes in (rows, columns, rows + columns):
        fine = ((-1.0) ** stripes).expand(1, 2, 8, 8)
        assert smooth(fine)[inside].abs().max() == 0


def test_smoothing_weighs_a_place_and_its_neighbours():
    spot = torch.zeros(1, 1, 5, 5)
    spot[..., 2, 2] = 16.0
    assert Smooth(1)(spot)[0, 0, 1:4, 1:4].tolist() == [[1, 2, 1], [2, 4, 2], [1, 2, 1]]


def test_smoothing_learns_nothing_and_lies_in_no_checkpoint():
    torch.manual_seed(0)
    plain, smooth = (Block(4, 8, stride=2, smooth=smoothed) for smoothed in (False, True))
    assert plain.state_dict().keys() == smooth.state_dict().keys()
    smooth.load_state_dict(plain.state_dict())
    assert not list(smooth.smooth.parameters())
    even = torch.full((1, 4, 16, 16), 2.0)
    fine = even + (-1.0) ** torch.arange(16.0)
    inside = (..., slice(2, -2), slice(2, -2))
    with torch.no_grad():
        # What a stride skips moves the plain block's answer alone.
        assert (plain.eval()(fine) - plain(even))[inside].abs().max() > 0.1
        torch.testing.assert_close(smooth.eval()(fine)[inside], smooth(even)[inside])
