"""A Django project, as small as one can be: for 5.2 and 6."""
