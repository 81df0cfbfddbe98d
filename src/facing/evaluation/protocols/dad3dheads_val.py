"""DAD-3DHeads, its public validation part."""

from facing.evaluation.protocol import Protocol

PROTOCOL = Protocol(
    title="DAD-3DHeads, validation",
    reader="dad3dheads",
    filter="none; give the folder of the part, val",
    box_rule="head box of the reader",
    convention="3 x 3 part of model_view_matrix without its scale",
    metrics=("frobenius", "geodesic_mean", "mae"),
    source="Martyniuk et al., DAD-3DHeads, CVPR 2022; the test part is judged by its makers only",
)
