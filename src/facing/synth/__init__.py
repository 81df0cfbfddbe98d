"""CC0 and MIT heads drawn under CC0 light: pictures whose every label is exact."""
