"""Documents on disk, and the service that has their pictures: the deeds of `pin`, `warm`, `lock`, `check` and `vendor`.

What these decide is in `markdown/`. Here files are found, read and written, and a running service is asked over HTTP.
"""
