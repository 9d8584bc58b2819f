"""Settings of the example site: ``base`` is shared; ``dev``, ``demo`` and ``test`` say where it runs."""
