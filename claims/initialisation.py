"""The contest of first weights: updates until the latch is learned, with the best of three step sizes; and pixels, tuned likewise.

The page has run the step size 0.01 on the latch and 0.001 on the pixels.
"""

for cell, value in starts:
    tried = [curves[f"{names[cell]} {value}"]] + [curve(cell, value, lr=lr) for lr in (3e-2, 3e-3)]
    glue(f"initialisation-{cell}-{value}", min(25 * len(points) if points[-1] >= 0.95 else 600 for points in tried))

for name, identity in (("irnn", True), ("tanh", False)):
    tried = [read[identity], read_pixels(identity, 3e-4), read_pixels(identity, 3e-3)]
    glue(f"initialisation-{name}-tuned", max(tried)[1])
