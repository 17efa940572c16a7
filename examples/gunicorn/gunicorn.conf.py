"""gunicorn: run `gunicorn app` in this directory, with any worker class."""

preload_app = True
workers = 2
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {
        "azure": {"class": "dcrlog.LogsIngestionHandler", "level": "INFO"},
        "console": {"class": "logging.StreamHandler"},
    },
    "root": {"level": "INFO", "handlers": ["azure", "console"]},
    # Not to "azure": gevent's workers say that they boot before gevent makes greenlets of threads.
    "loggers": {"azure": {"level": "WARNING"}, "gunicorn.error": {"handlers": ["console"]}},
}
