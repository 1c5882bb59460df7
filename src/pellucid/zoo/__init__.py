"""Networks, and the bundles that hold classifiers."""
