"""Settings: `LOGGING` is all there is to dcrlog."""

SECRET_KEY = "only for this example"
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
ROOT_URLCONF = "shop.urls"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {
        "azure": {"class": "dcrlog.LogsIngestionHandler", "level": "INFO"},
        "console": {"class": "logging.StreamHandler"},
    },
    "root": {"level": "INFO", "handlers": ["azure", "console"]},
    "loggers": {"azure": {"level": "WARNING"}},
}
