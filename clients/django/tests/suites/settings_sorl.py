"""Settings of sorl-thumbnail's own tests: files in tintype, thumbnails made by sorl and saved there
too."""

import os

import shim

shim.install()

from tests.settings.pil import *  # noqa: E402, F403

MEDIA_ROOT = os.path.join(shim.ROOT, "media")
TEST_RUNNER = "judge.Judge"
TINTYPE = {"URL": os.environ["TINTYPE_URL"], "TOKEN": "dev"}
