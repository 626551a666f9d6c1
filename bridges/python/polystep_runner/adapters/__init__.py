"""Knowledge of other people's packages. Of the bridge it uses only the descriptions of failures."""
