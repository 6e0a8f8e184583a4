"""Presets of Hugging Face and Kaggle, by address."""

import importlib

from offkeras.presets.files import FILES

# Scheme -> (package, how an address continues).
HUBS = {
    "hf": ("huggingface_hub", "OWNER/NAME"),
    "kaggle": ("kagglehub", "OWNER/MODEL/keras/NAME"),
}


def is_address(name):
    """Whether a name is an address of a hub."""
    scheme, colon, _ = str(name).partition("://")
    return bool(colon) and scheme in HUBS


def fetch(address):
    """Fetches a preset.

    Args:
        address: `hf://owner/name` or `kaggle://owner/model/keras/name`.

    Returns:
        The path of a folder. What was fetched before is not fetched again.

    Raises:
        ImportError: if the package of the hub is not installed.
        OSError: if the hub cannot be reached or has no such preset.
    """
    hub, scheme, handle = _open(address)
    try:
        if scheme == "hf":
            return hub.snapshot_download(handle, allow_patterns=list(FILES))
        return hub.model_download(handle)
    except Exception as error:  # of many types, as the hubs change
        raise OSError(_sentence(address, "fetched", error)) from error


def upload(folder, address):
    """Uploads a preset.

    Args:
        folder: path of a preset.
        address: see `fetch`. What is missing there is made, with the rights of
            whoever is logged in.

    Raises:
        ImportError: if the package of the hub is not installed.
        OSError: if the hub cannot be reached or refuses.
    """
    hub, scheme, handle = _open(address)
    try:
        if scheme == "hf":
            hub.create_repo(handle, exist_ok=True)
            hub.upload_folder(
                repo_id=handle, folder_path=str(folder), allow_patterns=list(FILES)
            )
        else:
            hub.model_upload(handle, str(folder))
    except Exception as error:  # of many types, as the hubs change
        raise OSError(_sentence(address, "uploaded", error)) from error


def _open(address):
    scheme, _, handle = str(address).partition("://")
    if not is_address(address) or not handle:
        forms = " or ".join(f"{name}://{form}" for name, (_, form) in HUBS.items())
        raise ValueError(f"Expected {forms}. Received: {address}.")
    package = HUBS[scheme][0]
    try:
        return importlib.import_module(package), scheme, handle
    except ImportError as error:
        raise ImportError(
            f"{address} needs {package}: pip install {package}."
        ) from error


def _sentence(address, done, error):
    reason = " ".join(str(error).split()) or type(error).__name__
    return f"{address} could not be {done}: {reason:.300}"
