"""Values, specs, events, errors, limits and ports that every other room agrees on."""
