"""The templates of the console (Jinja2). Law: no script, no style and no event handler stands in a page."""
