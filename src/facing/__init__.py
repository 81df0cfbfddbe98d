"""Head pose estimation: pictures in, yaw, pitch and roll of every head out."""
