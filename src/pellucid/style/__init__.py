"""Style transfer: a picture with the content of one image and the feature statistics of another."""
