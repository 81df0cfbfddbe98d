import torch

from facing.models.contracts import load_neck


def weighted(channels=3):
    return load_neck("weighted").build((8, channels), (16, 32))


def test_it_starts_as_the_plain_mean_on_any_grid():
    for grid in ((4, 4), (3, 3), (2, 5), (1, 1)):
        last = torch.rand(2, 3, *grid)
        torch.testing.assert_close(weighted()([torch.rand(2, 8, 9, 9), last]), last.mean((2, 3)))


def test_it_tells_places_apart_where_the_mean_cannot():
    neck = weighted(channels=1)
    left, right = torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4, 4)
    left[..., 0], right[..., 3] = 1.0, 1.0
    with torch.no_grad():
        neck.weight[..., 0] = 3.0
        assert neck([left]).item() == 3 * neck([right]).item() > 0


def test_its_weights_keep_their_place_on_another_grid():
    neck = weighted(channels=1)
    with torch.no_grad():
        neck.weight[...] = torch.tensor([0.0, 1.0, 2.0, 3.0])
    column = torch.zeros(1, 1, 7, 7)
    column[..., 3] = 7.0  # the middle column: between the weights 1 and 2
    torch.testing.assert_close(neck([column]), torch.tensor([[1.5]]))
