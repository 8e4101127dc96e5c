"""`isotherm.toml`: what the user writes, checked and turned into the model.

Every mistake is answered with the file, the key, what was found, and the nearest right value.
"""

from .reading import DEFAULT_FILE, Config, checked, read
from .sections import (
    CatalogSection,
    DatasetSection,
    EngineSection,
    PricesSection,
    SettingsSection,
    StorageSection,
    WarehouseSection,
)

__all__ = [
    "DEFAULT_FILE",
    "CatalogSection",
    "Config",
    "DatasetSection",
    "EngineSection",
    "PricesSection",
    "SettingsSection",
    "StorageSection",
    "WarehouseSection",
    "checked",
    "read",
]
