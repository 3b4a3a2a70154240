"""Settings of wagtail's image tests, with the plain TintypeStorage: nothing has a local path."""

import os

from wagtail.test.settings import *  # noqa: F403

# The tests expect URLs below MEDIA_URL.
STORAGES["default"] = {  # noqa: F405
    "BACKEND": "django_tintype.TintypeStorage",
    "OPTIONS": {"base_url": "/media/"},
}
TEST_RUNNER = "judge.Judge"
TINTYPE = {"URL": os.environ["TINTYPE_URL"], "TOKEN": "dev"}
