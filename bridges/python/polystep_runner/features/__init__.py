"""What not every runner can (PS-5.5): checks by the step's own types, answers that come item by item."""
