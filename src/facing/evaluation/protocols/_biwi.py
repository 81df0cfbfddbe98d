"""What the BIWI protocols share."""

CONVENTION = (
    "pose in the depth camera, as papers use it; the picture is from the colour camera, which is turned by a "
    "known rotation that most leave out"
)
EULER = ("mae", "yaw", "pitch", "roll", "geodesic_mean", "maev")
