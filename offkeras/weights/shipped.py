"""Where the models and weights lie that come with this package."""

from pathlib import Path

# Within the package in a wheel, beside it in a checkout.
PLACES = [Path(__file__).parents[number] / "savedmodels" for number in (1, 2)]
SHIPPED = next((place for place in PLACES if place.is_dir()), PLACES[-1])
