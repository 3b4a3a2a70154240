"""Settings of Django's own tests, as in its test_sqlite.py."""

import os

import shim

DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3"},
    "other": {"ENGINE": "django.db.backends.sqlite3"},
}
SECRET_KEY = "django_tests_secret_key"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = False
TEST_RUNNER = "judge.Judge"
TINTYPE = {"URL": os.environ["TINTYPE_URL"], "TOKEN": "dev"}

shim.install()
