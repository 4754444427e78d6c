"""Image distribution drivers: how a cluster is asked for an image and what it then reports."""
