"""The style sheet, the scripts and the icon of the console. Law: nothing here asks another host for anything."""
