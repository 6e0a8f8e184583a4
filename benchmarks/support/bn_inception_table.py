"""The layers of BN-Inception as published, independent of the package."""

# (1x1, (3x3 reduce, 3x3), (double reduce, double), pooling, projection); no 1x1
# and no projection where the module halves the resolution.
MODULES = {
    "3a": (64, (64, 64), (64, 96), "average", 32),
    "3b": (64, (64, 96), (64, 96), "average", 64),
    "3c": (0, (128, 160), (64, 96), "max", 0),
    "4a": (224, (64, 96), (96, 128), "average", 128),
    "4b": (192, (96, 128), (96, 128), "average", 128),
    "4c": (160, (128, 160), (128, 160), "average", 128),
    "4d": (96, (128, 192), (160, 192), "average", 128),
    "4e": (0, (128, 192), (192, 256), "max", 0),
    "5a": (352, (192, 320), (160, 224), "average", 128),
    "5b": (352, (192, 320), (192, 224), "max", 128),
}


def convolutions(channels=3):
    """Every convolution: name, input and output channels, kernel size, stride."""
    rows = [
        ("conv1_7x7_s2", channels, 64, 7, 2),
        ("conv2_3x3_reduce", 64, 64, 1, 1),
        ("conv2_3x3", 64, 192, 3, 1),
    ]
    inputs = 192
    for module, (one, three, double, _, projection) in MODULES.items():
        name = f"inception_{module}"
        stride = 1 if projection else 2
        if one:
            rows.append((f"{name}_1x1", inputs, one, 1, 1))
        rows += [
            (f"{name}_3x3_reduce", inputs, three[0], 1, 1),
            (f"{name}_3x3", *three, 3, stride),
            (f"{name}_double_3x3_reduce", inputs, double[0], 1, 1),
            (f"{name}_double_3x3_1", *double, 3, 1),
            (f"{name}_double_3x3_2", double[1], double[1], 3, stride),
        ]
        if projection:
            rows.append((f"{name}_pool_proj", inputs, projection, 1, 1))
        inputs = one + three[1] + double[1] + (projection or inputs)
    return rows
