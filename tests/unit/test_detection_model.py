import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from facing.losses.box import box_loss
from facing.losses.heatmap import centre_targets, heatmap_loss
from facing.models.detection import CELL, HEADS, STRIDE, DetectorSpec, HeadDetector, Maps, decode

SMALL = DetectorSpec(widths=(8, 8, 8, 8), depths=(1, 1, 1, 1), neck=(8, 8, 8))


def maps_with(heads, *, cells=16):
    """Maps of a net that is sure of these heads (x0, y0, x1, y1, logit) and of nothing else."""
    centre = torch.full((1, 1, cells, cells), -9.0)
    edges = torch.ones(1, 4, cells, cells)
    for x0, y0, x1, y1, logit in heads:
        column, row = int((x0 + x1) / 2 // CELL), int((y0 + y1) / 2 // CELL)
        x, y = (column + 0.5) * CELL, (row + 0.5) * CELL
        centre[0, 0, row, column] = logit
        edges[0, :, row, column] = torch.tensor([x - x0, y - y0, x1 - x, y1 - y])
    return Maps(centre, edges)


def test_decoding_gives_back_the_boxes_best_first():
    boxes, scores = decode(maps_with([(4, 8, 20, 30, 1.0), (30, 20, 63, 61, 3.0)]))
    assert boxes.shape == (1, HEADS, 4)
    assert boxes[0, 0].tolist() == [30, 20, 63, 61]
    assert boxes[0, 1].tolist() == [4, 8, 20, 30]
    assert scores[0, :2] == pytest.approx((1 / (1 + np.exp(-np.array([3.0, 1.0])))).tolist())
    assert (scores[0].diff() <= 0).all()


def test_only_the_peak_of_a_hill_is_a_head():
    maps = maps_with([(16, 16, 48, 48, 4.0)])
    maps.centre[0, 0, 8, 9] = 3.5  # beside the peak at (8, 8)
    _, scores = decode(maps)
    assert int((scores[0] > 0.5).sum()) == 1


def test_pictures_with_fewer_cells_than_rows_are_filled_with_nothing():
    boxes, scores = decode(maps_with([(0, 0, 16, 16, 2.0)], cells=8))
    assert boxes.shape == (1, HEADS, 4)
    assert int((scores > 0).sum()) <= 64


@pytest.mark.parametrize(("height", "width"), [(STRIDE, STRIDE), (2 * STRIDE, 3 * STRIDE)])
def test_any_multiple_of_the_stride_goes_in(height, width):
    torch.manual_seed(0)
    network = HeadDetector(SMALL).eval()
    picture = torch.randint(0, 256, (2, height, width, 3), dtype=torch.uint8)
    with torch.no_grad():
        maps = network.maps(picture)
        boxes, scores = network(picture)
    assert maps.centre.shape == (2, 1, height // CELL, width // CELL)
    assert maps.edges.shape == (2, 4, height // CELL, width // CELL)
    assert (maps.edges > 0).all()
    assert boxes.shape == (2, HEADS, 4)
    assert scores.min() >= 0
    assert scores.max() <= 1


def test_the_shipped_size_stays_small():
    count = sum(parameter.numel() for parameter in HeadDetector().parameters())
    assert 2 * count < 2_000_000 - 200_000  # stored as float16 in at most 2 MB, 0.2 MB for the graph


def test_every_weight_learns():
    torch.manual_seed(0)
    network = HeadDetector(SMALL)
    maps = network.maps(torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8))
    (maps.centre.square().sum() + maps.edges.sum()).backward()
    still = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert still == []


def test_the_centre_map_is_a_bump_of_the_stated_width():
    box = torch.tensor([[[20.0, 40.0, 60.0, 88.0]]])
    targets = centre_targets(box, torch.zeros(1, 0, 4), shape=(32, 32), cell=4)
    column, row = 10, 16  # floor of the centre (40, 64) in cells
    spread = (0.54 * np.array([48, 40]) / 4 + 1) / 6
    bump = multivariate_normal([row, column], np.diag(spread**2))
    rows, columns = np.mgrid[:32, :32]
    wanted = bump.pdf(np.stack([rows, columns], -1)) / bump.pdf([row, column])
    assert targets.heat[0].numpy() == pytest.approx(wanted, abs=1e-5)
    assert targets.heat[0, row, column] == 1


def test_a_centre_outside_of_the_frame_moves_to_its_edge():
    targets = centre_targets(
        torch.tensor([[[-40.0, 10.0, 20.0, 30.0]]]), torch.zeros(1, 0, 4), shape=(16, 16), cell=4
    )
    assert targets.heat[0, 5, 0] == 1


def test_empty_rows_leave_no_trace_and_owners_are_told_apart():
    boxes = torch.tensor([[[0.0, 0, 16, 16], [0, 0, 0, 0], [40, 40, 60, 60]]])
    targets = centre_targets(boxes, torch.zeros(1, 2, 4), shape=(16, 16), cell=4)
    assert int((targets.heat == 1).sum()) == 2
    assert targets.owner[0, 2, 2] == 0
    assert targets.owner[0, 12, 12] == 2
    assert targets.counts.all()


def test_the_focal_loss_follows_its_formula():
    boxes = torch.tensor([[[8.0, 8.0, 24.0, 24.0]]])
    targets = centre_targets(boxes, torch.zeros(1, 0, 4), shape=(8, 8), cell=4)
    logits = torch.linspace(-3, 3, 64).view(1, 8, 8)
    heat, score = targets.heat.numpy().ravel(), 1 / (1 + np.exp(-np.linspace(-3, 3, 64)))
    terms = np.where(
        heat == 1, (1 - score) ** 2 * np.log(score), (1 - heat) ** 4 * score**2 * np.log(1 - score)
    )
    assert float(heatmap_loss(logits, targets)) == pytest.approx(-terms.sum(), rel=1e-4)


def test_false_alarms_in_ignored_boxes_cost_nothing():
    nothing, somewhere = torch.zeros(1, 1, 4), torch.tensor([[[16.0, 16.0, 32.0, 32.0]]])
    logits = torch.full((1, 16, 16), -12.0)
    logits[0, 5, 5] = 5.0  # inside the ignored box
    free = heatmap_loss(logits, centre_targets(nothing, somewhere, shape=(16, 16), cell=4))
    charged = heatmap_loss(logits, centre_targets(nothing, nothing, shape=(16, 16), cell=4))
    assert float(free) < 1e-3
    assert float(charged) > 1


def test_box_loss_agrees_with_torchvision():
    from torchvision.ops import generalized_box_iou_loss

    generator = torch.Generator().manual_seed(0)
    low = torch.rand(2, 50, 2, generator=generator) * 50
    boxes = torch.cat([low, low + 1 + torch.rand(2, 50, 2, generator=generator) * 40], -1)
    ours = box_loss(boxes[0], boxes[1])
    assert torch.allclose(ours, generalized_box_iou_loss(boxes[0], boxes[1]), atol=1e-5)
    assert torch.allclose(box_loss(boxes[0], boxes[0]), torch.zeros(50), atol=1e-6)
