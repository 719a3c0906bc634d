"""The commands of the web, which the command line finds by name."""
