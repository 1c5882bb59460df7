"""Running actions: forms, orders, the queue, the frames and the idle work on units."""
