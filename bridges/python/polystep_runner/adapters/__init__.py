"""What the bridge knows of other people's packages. Of the bridge itself it uses only how failures are worded."""
