"""The nearest rotation in closed form against the singular value decomposition."""

import numpy as np
import pytest
import torch

from facing.geometry.rotation import nearest_rotation
from facing.models.heads.rotation_9d import rotation_from_9d


def by_svd(matrix):
    left, size, right = torch.linalg.svd(matrix)
    sign = torch.det(left @ right).sign()
    diagonal = torch.stack([torch.ones_like(sign), torch.ones_like(sign), sign], dim=1)
    decided = (size[:, 1] + sign * size[:, 2]) / size.norm(dim=1)
    return left @ (diagonal[:, :, None] * right), decided


def matrices(count, *, seed=0):
    """Free matrices of any scale, half of them with a determinant below 0."""
    rng = np.random.default_rng(seed)
    return torch.tensor(rng.normal(size=(count, 3, 3)) * np.exp(rng.normal(size=(count, 1, 1)) * 2))


# Rounding is magnified by one over what decides, s2 + s3 of a matrix of norm 1.
@pytest.mark.parametrize(
    ("dtype", "decides", "limit"),
    [(torch.float64, 0.02, 1e-9), (torch.float32, 0.05, 1e-4), (torch.float32, 0.2, 1e-5)],
)
def test_equals_the_decomposition(dtype, decides, limit):
    matrix = matrices(20_000)
    expected, decided = by_svd(matrix)
    np.testing.assert_allclose(expected[:100], nearest_rotation(matrix[:100]), atol=1e-9)
    clear = decided > decides
    assert clear.double().mean() > 0.85
    assert (torch.det(matrix[clear]) < 0).any()
    got = rotation_from_9d(matrix.to(dtype)).double()
    torch.testing.assert_close(got[clear], expected[clear], atol=limit, rtol=0)


def test_gradient_equals_that_of_the_decomposition():
    matrix = matrices(200, seed=1)
    matrix = matrix[by_svd(matrix)[1] > 0.1]
    direction = matrices(len(matrix), seed=2)
    gradients = []
    for project in (rotation_from_9d, lambda given: by_svd(given)[0]):
        given = matrix.clone().requires_grad_()
        (project(given) * direction).sum().backward()
        gradients.append(given.grad)
    torch.testing.assert_close(*gradients, atol=1e-7, rtol=1e-6)


@pytest.mark.parametrize(
    "matrix",
    [
        np.zeros((3, 3)),
        np.eye(3),
        -np.eye(3),
        np.diag([1.0, 0.0, 0.0]),
        np.diag([1.0, 1.0, -1.0]),
        np.ones((3, 3)),
        1e-6 * np.eye(3)[[1, 2, 0]],
    ],
    ids=["zero", "identity", "point mirror", "rank 1", "mirror", "ones", "small"],
)
def test_every_matrix_gives_a_rotation_and_a_finite_gradient(matrix):
    given = torch.tensor(matrix, dtype=torch.float32)[None].requires_grad_()
    rotation = rotation_from_9d(given)
    torch.testing.assert_close(rotation[0] @ rotation[0].mT, torch.eye(3), atol=1e-5, rtol=0)
    assert float(torch.det(rotation[0].detach())) == pytest.approx(1, abs=1e-5)
    rotation.sum().backward()
    assert given.grad.isfinite().all()
    if np.linalg.matrix_rank(matrix) == 3 and np.linalg.det(matrix) > 0:
        np.testing.assert_allclose(rotation[0].detach(), nearest_rotation(matrix), atol=1e-5)
