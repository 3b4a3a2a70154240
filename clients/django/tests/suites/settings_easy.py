"""Settings of easy-thumbnails' own tests: files in tintype, thumbnails made by easy-thumbnails."""

import os

import shim

shim.install()

from easy_thumbnails.tests.settings import *  # noqa: E402, F403

MEDIA_ROOT = os.path.join(shim.ROOT, "media")
TEST_RUNNER = "judge.Judge"
TINTYPE = {"URL": os.environ["TINTYPE_URL"], "TOKEN": "dev"}
