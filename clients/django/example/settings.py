"""A small site on a developer's machine. Not for the open network: DEBUG is on."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

HERE = Path(__file__).resolve().parent

TINTYPE = {
    "URL": os.environ.get("TINTYPE_URL", "http://127.0.0.1:8080"),
    "TOKEN": os.environ.get("TINTYPE_TOKEN", "dev"),
    # The picker in the admin previews these crops.
    "PRESETS": {
        "square": "w_480~h_480~fit_cover",
        "banner": "w_960~h_320~fit_cover",
        "portrait": "w_360~h_540~fit_cover",
    },
}

STORAGES = {
    "default": {"BACKEND": "django_tintype.TintypeStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "django_tintype",
    "photos",
]

MIDDLEWARE = [
    "policy.content_security_policy",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]


def database() -> dict[str, Any]:
    """PostgreSQL if DATABASE_URL or PostgreSQL's own variables are set, otherwise a file."""
    if address := os.environ.get("DATABASE_URL"):
        parts = urlsplit(address)
        if parts.scheme not in ("postgres", "postgresql"):
            raise ValueError("DATABASE_URL must begin with postgres:// or postgresql://")
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": unquote(parts.path.lstrip("/")),
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": unquote(parts.hostname or ""),
            "PORT": str(parts.port or ""),
        }
    if name := os.environ.get("PGDATABASE"):
        # libpq reads PGHOST, PGUSER and so on itself.
        return {"ENGINE": "django.db.backends.postgresql", "NAME": name}
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("EXAMPLE_SQLITE", HERE / "db.sqlite3"),
    }


DATABASES = {"default": database()}

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

DEBUG = True
SECRET_KEY = os.environ.get("SECRET_KEY", "django-insecure-for-development-only")
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "urls"
STATIC_URL = "/static/"
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
