"""Parts of the verb ``demo``: child processes, the shop's services, progress, and what is told at the end."""
