"""Images as HTML, for Django's templates, Jinja2 and Python alike."""
