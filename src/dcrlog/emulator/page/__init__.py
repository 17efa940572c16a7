"""The emulator's live page: rendered here, kept up to date by one stream of events."""
