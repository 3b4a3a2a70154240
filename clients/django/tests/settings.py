"""A site with tintype as its default storage. The service starts when a test needs it."""

import os
import secrets

from tests.service import free_ports

# Processes started by a test read this file again, and must use the same service.
if "TINTYPE_TEST_PORTS" not in os.environ:
    os.environ["TINTYPE_TEST_PORTS"] = ",".join(map(str, free_ports(2)))
PORT, ADMIN_PORT = map(int, os.environ["TINTYPE_TEST_PORTS"].split(","))

TINTYPE: dict[str, object] = {"URL": f"http://127.0.0.1:{PORT}", "TOKEN": "dev"}

STORAGES = {
    "default": {"BACKEND": "django_tintype.TintypeStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

SECRET_KEY = secrets.token_hex(16)
DEBUG = False
USE_TZ = True
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "testserver"]
ROOT_URLCONF = "tests.urls"
STATIC_URL = "/static/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django_tintype",
    "tests.gallery",
    "tests.shelf",
]

MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]

DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
