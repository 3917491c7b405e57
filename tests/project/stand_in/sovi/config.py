"""Settings, from a file beside the package; the environment holds none of them."""

import tomllib
from pathlib import Path

_settings = tomllib.loads((Path(__file__).parent.parent / "settings.toml").read_text())

DATABASE_URL: str = _settings["database_url"]
SPOOL_DIR: str = _settings["spool_dir"]
