"""Both vendor systems on loopback, written from their references alone, with a world of data that can live."""
