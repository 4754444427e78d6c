"""What Airflow's API server serves for us, below ``/preheat``: pages, REST API, Harbor's webhook.

Only the API server imports this package; the plugin sees to that.
"""

PREFIX = "/preheat"
"""Where Airflow mounts the app."""
