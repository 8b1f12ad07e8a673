"""Growth of one series, for ``_series`` alone (see ``ext/greencloud/_growth.pyx``)."""
