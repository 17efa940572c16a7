"""The same from YAML, with PyYAML."""

import logging.config
from pathlib import Path

import yaml

logging.config.dictConfig(yaml.safe_load(Path(__file__).with_name("dictconfig.yaml").read_text()))

log = logging.getLogger("shop")
log.info("order %s paid", "A-17", extra={"tenant": "contoso", "api_key": "not for the table"})
