"""The service's HTTP API in Python. Nothing here knows Django's storages, fields or templates."""
