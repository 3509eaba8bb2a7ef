"""Ray: tasks on a machine or a cluster of them."""
