"""Every figure and table of the papers, published beside measured: `pellucid report`."""
